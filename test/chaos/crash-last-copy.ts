/**
 * What Limber is in the middle of when it dies, and a node dies before the next Limber is there: where processes end on
 * purpose, the one that was counted on to stay may be the one that is lost. `before` is kept by whoever is left.
 */
import assert from 'node:assert/strict';
import { DecreaseReplicaCountCommand, DeleteReplicationGroupCommand } from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { kill, wholeAgain } from '../e2e/faults.ts';
import { mendEngines } from './broken-engine.ts';
import type { Operation, Scene } from './crash-case.ts';
import { testsFailover } from './crash-leads.ts';
import { failsToGrow } from './crash-operations.ts';
import {
  deleteCluster,
  deleteGroup,
  type GroupInput,
  keptAll,
  makeGroup,
  manualPair,
} from './crash-scenes.ts';
import { readRows } from './leftovers.ts';

/** By the rows: no Limber runs that could be asked. */
const loses =
  (role: 'primary' | 'replica') =>
  async ({ limber, id }: Scene): Promise<void> => {
    const node = readRows(limber).nodes.find((one) => one.id.startsWith(id) && one.role === role);
    assert.ok(node?.handle, `there is a ${role}`);
    kill(node.handle);
  };

/** Of the only two members the replica is to leave: it stays until the primary is back with the data. */
export const removesReplicaAndLosesPrimary = (title: string, input: GroupInput): Operation => ({
  title: `a replica leaves, and the primary is lost (${title})`,
  prepare: (scene) => makeGroup(scene, input),
  perform: ({ limber, id }) =>
    limber.client().send(
      new DecreaseReplicaCountCommand({
        ReplicationGroupId: id,
        NewReplicaCount: 0,
        ApplyImmediately: true,
      }),
    ),
  strike: loses('primary'),
  check: keptAll,
  clear: deleteGroup,
});

/** Only a replica that answers makes up for a primary that is killed on purpose. */
export const testsFailoverAndLosesReplica = (title: string, input: GroupInput): Operation => ({
  title: `TestFailover, and the replica is lost (${title})`,
  prepare: (scene) => makeGroup(scene, input),
  perform: testsFailover.perform,
  strike: loses('replica'),
  check: keptAll,
  clear: deleteGroup,
});

/** New members that do not start are taken back; the old replica leads meanwhile. */
export const takesBackAndLosesPrimary: Operation = {
  ...failsToGrow,
  title: 'replicas that do not start are taken back, and the primary is lost',
  strike: async (scene) => {
    await loses('primary')(scene);
    mendEngines(scene.engines!);
  },
};

/** What is retained is whoever leads by then. */
export const retainsPrimaryAndLosesIt: Operation = {
  title: 'a group is deleted, its primary is to be retained, and is lost',
  prepare: (scene) => makeGroup(scene, manualPair),
  perform: ({ limber, id }) =>
    limber
      .client()
      .send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id, RetainPrimaryCluster: true })),
  strike: loses('primary'),
  async check({ limber, id }) {
    const [node] = await wholeAgain(limber, `${id}-001`);
    assert.equal(await askOnce(node!, 'GET', 'before'), 'kept');
  },
  clear: ({ limber, id }) => deleteCluster({ limber, id: `${id}-001` }),
};
