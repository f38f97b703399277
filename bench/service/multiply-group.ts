/** Many groups in a store without starting their engines. */

import type { CacheCluster, ReplicationGroup } from '../../src/model/resource.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Change, Store } from '../../src/store/contract.ts';
import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts';

/**
 * Copies a group `count` times as `copy-0000` …, with members, nodes, shards and endpoints. The nodes are on another
 * host, so that a Limber that starts here looks after none of them. No Limber may run for the directory.
 */
export async function multiplyGroup(dataDirectory: string, id: string, count: number): Promise<void> {
  const store = await openSqliteStore({ directory: dataDirectory, clock: systemClock, log: silentLog });
  try {
    const pattern = await readPattern(store, id);
    for (let number = 0; number < count; number += 1) await store.commit(copy(pattern, number));
  } finally {
    await store.close();
  }
}

async function readPattern(store: Store, id: string) {
  const [key] = await store.accessKeys();
  const scope = { account: key!.account, region: 'us-east-1' };
  const group = (await store.resource({ ...scope, kind: 'replication-group', id })) as ReplicationGroup;
  const members = await store.referrers(group, 100);
  return {
    group,
    members: members.filter((row): row is CacheCluster => row.kind === 'cache-cluster'),
    nodes: await store.nodesOf([group.incarnation]),
    nodeGroups: await store.nodeGroupsOf([group.incarnation]),
    endpoints: await store.endpointsOf([group.incarnation]),
  };
}

function copy(pattern: Awaited<ReturnType<typeof readPattern>>, number: number): Change[] {
  const suffix = String(number).padStart(4, '0');
  const { group } = pattern;
  const id = `copy-${suffix}`;
  const rename = (text: string) => text.replace(group.id, id);
  /** No incarnation that was drawn can be the same: those are of hex digits. */
  const renew = (incarnation: string) => `copy${suffix}${incarnation.slice(8)}`;
  const renewOrNull = (incarnation: string | null) => incarnation && renew(incarnation);
  const cacheIncarnation = renew(group.incarnation);
  const address = (index: number) => `10.${number >> 8}.${number & 255}.${1 + index}`;
  return [
    { put: 'resource', row: { ...group, id, incarnation: cacheIncarnation, version: 1 } },
    ...pattern.members.map((row): Change => {
      const desired = { ...row.desired, replicationGroupId: id };
      const incarnation = renew(row.incarnation);
      return { put: 'resource', row: { ...row, id: rename(row.id), incarnation, version: 1, desired } };
    }),
    ...pattern.nodeGroups.map(
      (row): Change => ({
        put: 'node-group',
        row: {
          ...row,
          cacheIncarnation,
          version: 1,
          currentPrimary: renewOrNull(row.currentPrimary),
          targetPrimary: renewOrNull(row.targetPrimary),
        },
      }),
    ),
    ...pattern.nodes.map(
      (row, index): Change => ({
        put: 'node',
        row: {
          ...row,
          cacheIncarnation,
          incarnation: renew(row.incarnation),
          version: 1,
          host: 'elsewhere',
          replicationGroupId: id,
          cacheClusterId: rename(row.cacheClusterId),
          address: address(index),
        },
      }),
    ),
    ...pattern.endpoints.map(
      (row, index): Change => ({
        put: 'endpoint',
        row: {
          ...row,
          cacheIncarnation,
          version: 1,
          address: address(pattern.nodes.length + index),
          dnsName: rename(row.dnsName),
          nodeIncarnation: renewOrNull(row.nodeIncarnation),
          holder: renewOrNull(row.holder),
        },
      }),
    ),
  ];
}
