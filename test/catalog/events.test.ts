import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import documented from '../../src/catalog/data/events.json' with { type: 'json' };
import * as events from '../../src/catalog/events.ts';
import { eventSourceTypes } from '../../src/model/event.ts';

/** One of each, with marked values in the places that vary. */
const samples: readonly events.EventText[] = [
  events.clusterCreated(),
  events.clusterCreationFailed('port 6379 is taken'),
  events.clusterDeleted(),
  events.replicationGroupCreated('orders'),
  events.replicationGroupCreationFailed('orders', 'no disk'),
  events.replicationGroupDeleted('orders'),
  events.replicationGroupKept('orders-001', 'no room'),
  events.deletionGivenUp('replication-group', 'nobody leads'),
  events.cacheNodeAdded('0001', 'us-east-1a'),
  events.nodeCountChanged(1, 2),
  events.nodeCountChangeFailed(1, 2, 'insufficient free IP addresses'),
  events.cacheNodesRemoved(['0002', '0003']),
  events.cacheNodeShutdown('0001'),
  events.cacheNodeRestarted('0001'),
  events.recoveringNodes(['0001']),
  events.nodesRecovered(['0001']),
  events.replicaCountIncreasing('0001', 1, 2),
  events.replicaCountIncreased('0001', 2),
  events.replicaCountDecreasing('0001', 2, 1),
  events.replicaCountDecreased('0001', 1),
  events.replicaCountChangeFailed('no addresses'),
  events.testFailoverCalled('0001'),
  events.testFailoverNotDone('0001', 'no replica holds the data'),
  events.testFailoverUnfinished('0001', 'nobody leads'),
  events.rebootGivenUp('cache-cluster', 'orders-001', 'it dies'),
  events.promotionFailed('orders-002', 'it does not answer'),
  events.failoverCompleted('cache-cluster', 'orders-001', 'orders-002'),
  events.failoverCompleted('replication-group', 'orders-001', 'orders-002'),
  events.parameterUpdated('timeout', '20'),
  events.parameterGroupApplied('mine'),
  events.engineSubstituted('cache-cluster', 'memcached 1.6.22 is not at hand'),
  events.memoryBeyondMachine('cache-cluster', 2 ** 34, 2 ** 33),
  events.parameterNotApplied('cache-cluster', 'activedefrag', 'no allocator'),
  events.nodeDied('orders-001', '0001', 'killed by signal 9'),
  events.rebuiltEmpty('0001'),
  events.olderCopyLeads('orders-002'),
  events.noHealthyReplica('0001', 'orders-002 is started again in a moment'),
  events.healthyReplicaAgain('0001'),
  events.processNotSeen('orders-001', '0001', '127.0.0.5:6379'),
  events.endpointOccupied('replication-group', 'primary', '127.0.0.5:6379 is held by process 7 (nc)'),
  events.endpointServedAgain('cache-cluster', 'configuration', '127.0.0.5:11211'),
  events.directoryMadeAgain('orders-001', true),
  events.directoryGone('orders-001', 'a file is in its place'),
  events.filesWrittenAgain('orders-001'),
  events.filesSetAside('orders-001', 'data.bad', 'the AOF is corrupt'),
  events.operationGivenUp('replication-group', 'Adding replicas', 'facts nobody thought of'),
  events.operationStuck('cache-cluster', 'The deletion', 'facts nobody thought of'),
];

/** Texts that AWS does not document: the file says so in words, in parentheses or as `text ours`. */
const withOurText = (row: { confidence: string; messages: string[] }) =>
  row.confidence !== 'doc' || row.messages.every((message) => message.startsWith('('));

/** Documented events of node-based caches that nothing brings about yet. */
const notYet = [
  'ElastiCache:CacheClusterScalingComplete',
  'ElastiCache:CacheClusterScalingFailed',
  'ElastiCache:CacheClusterSecurityGroupModified',
  'ElastiCache:ReplicationGroupScalingComplete',
  'ElastiCache:ReplicationGroupScalingFailed',
  'ElastiCache:ServiceUpdateAvailableForNode',
  'ElastiCache:SnapshotComplete',
  'ElastiCache:SnapshotFailed',
  'ElastiCache:CertificateRenewalComplete',
  'ElastiCache:NodeReplacementScheduled',
  'ElastiCache:NodeReplacementRescheduled',
  'ElastiCache:NodeReplacementCanceled',
  'persistence-notice',
];

const pattern = (template: string) =>
  new RegExp(`^${template.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/%[sd]/g, '.+')}$`);

describe('events', () => {
  it('have a source that DescribeEvents knows and a text', () => {
    for (const { sourceType, message } of samples) {
      assert.ok(eventSourceTypes.includes(sourceType));
      assert.ok(message.length > 0 && !message.includes('undefined'), message);
    }
  });

  for (const row of documented.events.filter(({ sourceType }) =>
    /^(cache-cluster|replication-group)$/.test(sourceType),
  )) {
    if (notYet.includes(row.id)) continue;
    const mine = samples.filter(
      ({ eventId, sourceType }) => eventId === row.id && sourceType === row.sourceType,
    );
    it(`include ${row.id} of a ${row.sourceType}`, () => assert.ok(mine.length > 0));
    if (withOurText(row)) continue;
    it(`say ${row.id} of a ${row.sourceType} in AWS’s words`, () => {
      const templates = row.messages.map((message) =>
        pattern(message.replace(' due to incompatible network state.', '.')),
      );
      for (const { message } of mine)
        assert.ok(
          templates.some((template) => template.test(message)),
          `${message} is none of ${row.messages}`,
        );
    });
  }

  it('beyond the documented ones are marked as ours', () => {
    const known = new Set(documented.events.map(({ id }) => id));
    for (const { eventId } of samples)
      assert.ok(known.has(eventId) || eventId.startsWith('Limber:'), eventId);
  });
});
