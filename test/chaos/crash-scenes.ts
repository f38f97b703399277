/** Caches of the crash table, and what must be true of them afterwards. */
import assert from 'node:assert/strict';
import {
  type CreateReplicationGroupCommandInput,
  DeleteCacheClusterCommand,
  DeleteReplicationGroupCommand,
} from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import type { LimberStatus } from '../../src/cli/admin-client.ts';
import { cacheOf, nodesOf, primaryOf, wholeAgain } from '../e2e/faults.ts';
import { createGroup } from '../support/caches.ts';
import type { Scene } from './crash-case.ts';

export type GroupInput = Partial<CreateReplicationGroupCommandInput>;

export const nodeType = 'cache.t4g.small';
export const pair: GroupInput = {
  NumCacheClusters: 2,
  AutomaticFailoverEnabled: true,
  CacheNodeType: nodeType,
};
export const trio: GroupInput = { ...pair, NumCacheClusters: 3 };
export const manualPair: GroupInput = { ...pair, AutomaticFailoverEnabled: false };
export const cluster: GroupInput = {
  ClusterMode: 'enabled',
  NumNodeGroups: 1,
  ReplicasPerNodeGroup: 1,
  AutomaticFailoverEnabled: true,
  CacheNodeType: nodeType,
};

export const found = (status: LimberStatus, id: string) => status.caches.find((cache) => cache.id === id);

export async function deleteGroup({ limber, id }: Scene): Promise<void> {
  await limber.client().send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }));
}

export async function deleteCluster({ limber, id }: Pick<Scene, 'limber' | 'id'>): Promise<void> {
  await limber.client().send(new DeleteCacheClusterCommand({ CacheClusterId: id }));
}

/** Where a group is written to: its endpoint, or its primary in cluster mode (of one shard, so that nothing is moved). */
async function writeTarget({ limber, id }: Scene) {
  const { endpoints } = await cacheOf(limber, id);
  return endpoints.find(({ purpose }) => purpose === 'primary') ?? primaryOf(await nodesOf(limber, id));
}

export async function makeGroup(scene: Scene, input: GroupInput): Promise<void> {
  await createGroup(scene.limber, scene.id, input);
  await wholeAgain(scene.limber, scene.id);
  await askOnce(await writeTarget(scene), 'SET', 'before', 'kept');
}

/** It is whole, serves, and still holds what was written before. */
export async function keptAll(scene: Scene): Promise<void> {
  await wholeAgain(scene.limber, scene.id);
  assert.equal(await askOnce(await writeTarget(scene), 'GET', 'before'), 'kept');
}

export const isWhole = async (scene: Scene): Promise<void> => {
  await wholeAgain(scene.limber, scene.id);
  assert.equal(await askOnce(await writeTarget(scene), 'SET', 'after', 'taken'), 'OK');
};
