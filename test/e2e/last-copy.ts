/** Groups that hold a thousand keys, and how many of them a group has when it is whole again. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  type CreateReplicationGroupCommandInput,
  DecreaseReplicaCountCommand,
  DeleteCacheClusterCommand,
  DeleteReplicationGroupCommand,
} from '@aws-sdk/client-elasticache';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { readRows } from '../chaos/leftovers.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import type { Limber } from '../support/limber.ts';
import { type Occupation, occupy } from '../support/occupy.ts';
import { engineAt, kill, type Node, nodesOf, primaryOf, wholeAgain } from './faults.ts';

type GroupInput = Partial<CreateReplicationGroupCommandInput>;

/** In memory only; the primary comes back as such, and a replica does not take its place. */
export const manualPair: GroupInput = { NumCacheClusters: 2, AutomaticFailoverEnabled: false };
export const automaticTrio: GroupInput = {
  NumCacheClusters: 3,
  AutomaticFailoverEnabled: true,
  CacheNodeType: 'cache.t4g.small',
};
/** One shard, so that every key has its place. */
export const clusterPair: GroupInput = {
  ClusterMode: 'enabled',
  NumNodeGroups: 1,
  ReplicasPerNodeGroup: 1,
  AutomaticFailoverEnabled: true,
  CacheNodeType: 'cache.t4g.small',
};

export const keyCount = 1_000;

/** A group that is whole, with the keys on every node. Its nodes in order of position: the primary is the first. */
export async function filledGroup(limber: Limber, id: string, input: GroupInput): Promise<readonly Node[]> {
  await createGroup(limber, id, input);
  const nodes = await wholeAgain(limber, id);
  await fill(primaryOf(nodes));
  return allHoldTheKeys(limber, id);
}

/** Every node holds the keys, and is known to. */
export async function allHoldTheKeys(limber: Limber, id: string): Promise<readonly Node[]> {
  const nodes = await wholeAgain(limber, id);
  await eventually(async (see) => {
    const held = await Promise.all(nodes.map(async (node) => (await engineAt(node)).keys));
    return see(held).every((count) => count === keyCount);
  });
  await eventually(
    (see) =>
      see(readRows(limber).nodes.filter((node) => node.id.startsWith(id) && !node.synced)).length === 0,
  );
  return nodes;
}

export async function fill(node: Node): Promise<void> {
  const client = await connectResp(node);
  await Promise.all(
    Array.from({ length: keyCount }, (_, number) => client.ask('SET', `key-${number}`, number)),
  );
  client.close();
}

/** Once the group is whole again, by its primary's own account. */
export async function keysIn(limber: Limber, id: string): Promise<number> {
  const nodes = await wholeAgain(limber, id, { deadlineMs: 40_000 });
  return (await engineAt(primaryOf(nodes))).keys;
}

export async function holdsTheKeys(limber: Limber, id: string): Promise<void> {
  assert.equal(await keysIn(limber, id), keyCount, 'keys that are left');
}

/** Its process ends while Limber is away, and it cannot come back before the occupation ends. */
export async function keepDown(t: TestContext, limber: Limber, node: Node): Promise<Occupation> {
  await limber.stop();
  kill(node);
  const occupation = await occupy(t, node.address, node.port);
  await limber.restart();
  return occupation;
}

/** The three ways to ask that a replica goes. */
export const removals = {
  'DecreaseReplicaCount by number': (limber: Limber, id: string) =>
    limber.client().send(
      new DecreaseReplicaCountCommand({
        ReplicationGroupId: id,
        NewReplicaCount: 0,
        ApplyImmediately: true,
      }),
    ),
  'DecreaseReplicaCount by name': (limber: Limber, id: string, member: string) =>
    limber.client().send(
      new DecreaseReplicaCountCommand({
        ReplicationGroupId: id,
        ReplicasToRemove: [member],
        ApplyImmediately: true,
      }),
    ),
  'DeleteCacheCluster of the member': (limber: Limber, _id: string, member: string) =>
    limber.client().send(new DeleteCacheClusterCommand({ CacheClusterId: member })),
};

/** Asks in a Limber that dies at `point`; resolves when it has died. */
export async function dieAt(limber: Limber, point: string, ask: () => Promise<unknown>): Promise<void> {
  await limber.restart({ env: { LIMBER_FAULT_POINT: point } });
  // Its answer may not have left before it died.
  await Promise.race([ask().catch(() => {}), limber.ended]);
  assert.equal(await limber.ended, 'SIGKILL', `it died at ${point}`);
}

export async function deleteGroup(limber: Limber, id: string): Promise<void> {
  await limber.client().send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }));
  await eventually(async () => !(await limber.status()).caches.some((cache) => cache.id === id));
}

export const memberOf = async (limber: Limber, id: string): Promise<Node> => {
  const node = (await nodesOf(limber, id))[0];
  assert.ok(node, `${id} has a node`);
  return node;
};
