import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { movingEndpoints, nodeEndpoint, type PlaceOptions, placeNode } from '../../src/fleet/place.ts';
import { cacheCluster, replicationGroup } from '../store/rows.ts';

function options(): PlaceOptions & { readonly asked: (string | null)[] } {
  const asked: (string | null)[] = [];
  let last = 0;
  return {
    asked,
    nextAddress: (zone) => {
      asked.push(zone);
      return `127.100.91.${++last}`;
    },
    nextIncarnation: () => 'f'.repeat(16),
    host: 'here',
    engineVersion: '8.1.1',
    now: 7,
  };
}

const group = replicationGroup('orders');
const inCluster = {
  ...group,
  desired: { ...group.desired, clusterMode: 'enabled' as const },
};
const member = cacheCluster('orders-0002-001', { replicationGroupId: 'orders', nodeGroupId: '0002' });
const slot = (cluster = member) => ({ cluster, cacheNodeId: '0001', availabilityZone: 'eu-central-1b' });

describe('a node that is placed', () => {
  it("has an incarnation and an address of its zone's pool, and no process, no role and no data yet", () => {
    const given = options();
    const node = placeNode(group, slot(), given);
    assert.deepEqual(given.asked, ['eu-central-1b']);
    assert.deepEqual(
      [
        node.address,
        node.incarnation,
        node.intent,
        node.status,
        node.handle,
        node.role,
        node.synced,
        node.createdAt,
      ],
      ['127.100.91.1', 'f'.repeat(16), 'running', 'creating', null, null, false, 7],
    );
  });

  it('belongs to the node group of its member, a node alone to 0001, one of Memcached to none', () => {
    assert.equal(placeNode(group, slot(), options()).nodeGroupId, '0002');
    const single = cacheCluster('single');
    assert.equal(placeNode(single, slot(single), options()).nodeGroupId, '0001');
    const memcached = cacheCluster('sessions', { engine: 'memcached' });
    assert.equal(placeNode(memcached, slot(memcached), options()).nodeGroupId, null);
  });

  it('has an endpoint of its own, held by itself, named after its member or its cluster', () => {
    const node = placeNode(group, slot(), options());
    const own = nodeEndpoint(group, node);
    assert.deepEqual(
      [own.purpose, own.address, own.port, own.nodeIncarnation, own.holder, own.dnsName.split('.')[0]],
      ['node', node.address, 6379, node.incarnation, node.incarnation, 'orders-0002-001'],
    );
    const memcached = cacheCluster('sessions', { engine: 'memcached' });
    const second = placeNode(memcached, { ...slot(memcached), cacheNodeId: '0002' }, options());
    assert.match(nodeEndpoint(memcached, second).dnsName, /^sessions\.ab12cd\.0002\./);
  });
});

describe('the endpoints that move between nodes', () => {
  const purposes = (cache: Parameters<typeof movingEndpoints>[0]) =>
    movingEndpoints(cache, options()).map(({ purpose }) => purpose);

  it('are primary and reader of a group, configuration of a cluster and of Memcached, none of a node alone', () => {
    assert.deepEqual(purposes(group), ['primary', 'reader']);
    assert.deepEqual(purposes(inCluster), ['configuration']);
    assert.deepEqual(purposes(cacheCluster('sessions', { engine: 'memcached' })), ['configuration']);
    assert.deepEqual(purposes(cacheCluster('single')), []);
  });

  it('have addresses of a pool of their own, different names, and nobody holds them yet', () => {
    const given = options();
    const endpoints = movingEndpoints(group, given);
    assert.deepEqual(given.asked, [null, null]);
    assert.equal(new Set(endpoints.map(({ dnsName }) => dnsName)).size, 2);
    assert.ok(endpoints.every(({ holder, nodeIncarnation }) => holder === null && nodeIncarnation === null));
  });
});
