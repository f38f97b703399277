import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseNodes } from '../../src/admin/fault-targets.ts';
import type { CacheNode } from '../../src/model/node.ts';
import type { ServiceError } from '../../src/model/service-errors.ts';
import { onTarget } from '../store/rows.ts';

function node(id: string, more: Partial<CacheNode> = {}): CacheNode {
  return {
    account: '000000000000',
    region: 'us-east-1',
    incarnation: `${id}${more.region ?? ''}${more.cacheNodeId ?? ''}`,
    version: 1,
    cacheIncarnation: id,
    cacheClusterId: id,
    cacheNodeId: '0001',
    replicationGroupId: null,
    nodeGroupId: '0001',
    engine: 'valkey',
    ...onTarget,
    availabilityZone: 'us-east-1a',
    host: 'local',
    address: '127.1.1.1',
    port: 6379,
    tls: false,
    status: 'available',
    intent: 'running',
    role: 'primary',
    handle: null,
    synced: true,
    createdAt: 0,
    ...more,
  };
}

const nodes = [
  node('orders-001'),
  node('orders-002', { availabilityZone: 'us-east-1b' }),
  node('pages', { engine: 'memcached', nodeGroupId: null }),
  node('pages', {
    engine: 'memcached',
    nodeGroupId: null,
    cacheNodeId: '0002',
    availabilityZone: 'us-east-1b',
  }),
  node('twice'),
  node('twice', { region: 'eu-west-1', availabilityZone: 'eu-west-1a' }),
  node('us-east-1b'),
];

/** What a target hits, or the error that it gives. */
function choose(target: string, among = nodes): string {
  try {
    return chooseNodes(among, target)
      .map((one) => `${one.cacheClusterId}/${one.cacheNodeId}`)
      .join(' ');
  } catch (error) {
    const { code, message } = error as ServiceError;
    return `${code}: ${message}`;
  }
}

describe('the target of a fault', () => {
  const table: readonly (readonly [title: string, target: string, result: string | RegExp])[] = [
    ['is a member by its name', 'orders-002', 'orders-002/0001'],
    ['is a member in whatever case', 'Orders-002', 'orders-002/0001'],
    ['is a member with its only node', 'orders-001/0001', 'orders-001/0001'],
    ['is a node of a Memcached cluster', 'pages/0002', 'pages/0002'],
    ['is every node of a zone', 'eu-west-1a', 'twice/0001'],
    ['is no whole Memcached cluster', 'pages', /^CacheClusterNotFound: .*pages\/0001, pages\/0002/],
    [
      'is nobody whom it does not name',
      'orders',
      /^CacheClusterNotFound: .*Nodes: orders-001, .*Zones with nodes: eu-west-1a, us-east-1a, us-east-1b/,
    ],
    [
      'needs a region where two have the name',
      'twice',
      /^InvalidParameterCombination: .*eu-west-1 .*us-east-1 /,
    ],
    [
      'is not guessed where a node is named like a zone',
      'us-east-1b',
      /^InvalidParameterCombination: .*us-east-1b\/0001/,
    ],
  ];
  for (const [title, target, result] of table)
    it(title, () => {
      if (typeof result === 'string') assert.equal(choose(target), result);
      else assert.match(choose(target), result);
    });

  it('says so where there are no nodes at all', () => {
    assert.match(choose('orders-001', []), /There are no nodes at all/);
  });

  it('lists no more than forty names', () => {
    const many = Array.from({ length: 60 }, (_, index) => node(`n${index}`));
    assert.match(choose('nobody', many), / and 20 more\. Zones/);
  });
});
