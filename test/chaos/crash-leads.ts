/** What Limber is in the middle of when it dies: reboots, failovers and planned switchovers. */
import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  ModifyReplicationGroupCommand,
  RebootCacheClusterCommand,
  TestFailoverCommand,
} from '@aws-sdk/client-elasticache';
import { kill, nodesOf, primaryOf, replicasOf, suspend, wholeAgain, writersOf } from '../e2e/faults.ts';
import { manifestOf } from '../e2e/kept-data.ts';
import { type Stranger, startStranger } from '../e2e/strangers.ts';
import { createCluster } from '../support/caches.ts';
import type { Operation } from './crash-case.ts';
import {
  cluster,
  deleteCluster,
  deleteGroup,
  type GroupInput,
  isWhole,
  keptAll,
  makeGroup,
  manualPair,
  pair,
  trio,
} from './crash-scenes.ts';
import { readRows } from './leftovers.ts';

/** Asynchronous replication: what a killed process has not sent yet. */
const unreplicatedMax = 20;

const reboots = (title: string, input: GroupInput, member: string): Operation => ({
  title,
  prepare: (scene) => makeGroup(scene, input),
  perform: ({ limber, id }) =>
    limber
      .client()
      .send(
        new RebootCacheClusterCommand({ CacheClusterId: `${id}-${member}`, CacheNodeIdsToReboot: ['0001'] }),
      ),
  check: keptAll,
  clear: deleteGroup,
});

export const rebootsReplica = reboots('a replica is rebooted', pair, '002');

/** With automatic failover a reboot of the primary is a planned switchover. */
export const switchesOver: Operation = {
  ...reboots('a primary hands over before its reboot', pair, '001'),
  writers: ({ limber, id }) => writersOf(limber, id),
  lostMax: 0,
  leadsMax: 1,
};

/** Nothing that the API has leads to it in cluster mode: Limber finds the intent, as one before it has left it. */
export const switchesOverInCluster: Operation = {
  title: 'a primary hands over in cluster mode',
  async prepare(scene) {
    const { limber, id } = scene;
    await makeGroup(scene, cluster);
    await limber.stop();
    const heir = readRows(limber).nodes.find((node) => node.id.startsWith(id) && node.role === 'replica');
    const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'));
    database
      .prepare('UPDATE node_group SET target_primary = ?, version = version + 1 WHERE cache_incarnation = ?')
      .run(heir!.incarnation, heir!.cache);
    database.close();
  },
  perform: async () => {},
  async check(scene) {
    await keptAll(scene);
    assert.equal(primaryOf(await nodesOf(scene.limber, scene.id)).id, `${scene.id}-0001-002`);
  },
  clear: deleteGroup,
};

export const promotesMember: Operation = {
  title: 'another member is made the primary',
  prepare: (scene) => makeGroup(scene, manualPair),
  perform: ({ limber, id }) =>
    limber.client().send(
      new ModifyReplicationGroupCommand({
        ReplicationGroupId: id,
        PrimaryClusterId: `${id}-002`,
        ApplyImmediately: true,
      }),
    ),
  async check(scene) {
    await keptAll(scene);
    assert.equal(primaryOf(await nodesOf(scene.limber, scene.id)).id, `${scene.id}-002`);
  },
  clear: deleteGroup,
  writers: ({ limber, id }) => writersOf(limber, id),
  lostMax: 0,
  leadsMax: 1,
};

const losesPrimary = (title: string, input: GroupInput): Operation => ({
  title,
  prepare: (scene) => makeGroup(scene, input),
  perform: async ({ limber, id }) => kill(primaryOf(await nodesOf(limber, id))),
  check: keptAll,
  clear: deleteGroup,
});

export const failsOver: Operation = {
  ...losesPrimary('a primary is killed', trio),
  writers: ({ limber, id }) => writersOf(limber, id),
  lostMax: unreplicatedMax,
  leadsMax: 1,
};
export const failsOverInCluster: Operation = {
  ...losesPrimary('a primary is killed in cluster mode', cluster),
  leadsMax: 1,
};
/** Its own files come first: it is started as the replica of a ghost, and takes over from that. */
export const leadsAgainInCluster: Operation = {
  ...losesPrimary('a durable primary is killed in cluster mode', { ...cluster, Durability: 'sync' }),
  async check(scene) {
    await keptAll(scene);
    assert.equal(primaryOf(await nodesOf(scene.limber, scene.id)).id, `${scene.id}-0001-001`);
  },
  leadsMax: 0,
};

/** A server that no record names claims all slots: it goes on while no Limber lives, and the shard is whole in the end. */
export function meetsStranger(): Operation {
  let stranger: Stranger | null = null;
  return {
    title: 'a stranger is on the cluster bus',
    prepare: (scene) => makeGroup(scene, cluster),
    async perform({ limber, id }) {
      stranger = await startStranger(null);
      await stranger.claim([0, 16_383], primaryOf(await nodesOf(limber, id)));
    },
    async check(scene) {
      const end = stranger?.end;
      stranger = null;
      await end?.();
      await isWhole(scene);
    },
    clear: deleteGroup,
  };
}

/** The same node leads again; the copy that holds its data meanwhile takes no write. */
export const returnsTheLead: Operation = {
  ...losesPrimary('a primary is killed with automatic failover disabled', manualPair),
  writers: ({ limber, id }) => writersOf(limber, id),
  lostMax: unreplicatedMax,
  leadsMax: 0,
};

export const fencesHungPrimary: Operation = {
  ...losesPrimary('a primary hangs', pair),
  perform: async ({ limber, id }) => suspend(primaryOf(await nodesOf(limber, id))),
  writers: ({ limber, id }) => writersOf(limber, id),
  lostMax: unreplicatedMax,
  leadsMax: 1,
};

export const losesReplica: Operation = {
  ...losesPrimary('a replica is killed', pair),
  perform: async ({ limber, id }) => kill(...replicasOf(await nodesOf(limber, id))),
  writers: ({ limber, id }) => writersOf(limber, id),
  lostMax: 0,
  leadsMax: 0,
};

const cutsManifest = (title: string, input: GroupInput): Operation => ({
  ...losesPrimary(title, { ...input, Durability: 'sync' }),
  async perform({ limber, id }) {
    const primary = primaryOf(await nodesOf(limber, id));
    suspend(primary);
    await truncate(manifestOf(limber, primary), 10);
    kill(primary);
  },
});

/** What it held is in its replica. */
export const losesManifest: Operation = cutsManifest('a primary is killed, and its manifest is cut', pair);
/** The other files are whole, and a new manifest is written for them. */
export const losesLonelyManifest: Operation = cutsManifest(
  'a node that is alone is killed, and its manifest is cut',
  {
    ...pair,
    NumCacheClusters: 1,
    AutomaticFailoverEnabled: false,
  },
);

export const losesSingle: Operation = {
  title: 'a single node is killed',
  prepare: ({ limber, id }) => createCluster(limber, id, { Engine: 'redis' }),
  perform: async ({ limber, id }) => kill(...(await nodesOf(limber, id))),
  check: ({ limber, id }) => wholeAgain(limber, id),
  clear: deleteCluster,
};

export const testsFailover: Operation = {
  ...failsOver,
  title: 'TestFailover',
  prepare: (scene) => makeGroup(scene, pair),
  perform: ({ limber, id }) =>
    limber.client().send(new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' })),
};
