/** What Limber is in the middle of when it dies: groups are made, changed and deleted. */
import assert from 'node:assert/strict';
import {
  CreateCacheClusterCommand,
  CreateCacheParameterGroupCommand,
  CreateReplicationGroupCommand,
  DecreaseReplicaCountCommand,
  DeleteReplicationGroupCommand,
  IncreaseReplicaCountCommand,
  ModifyCacheParameterGroupCommand,
} from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { describeCluster } from '../e2e/caches.ts';
import { engineAt, isAlive, wholeAgain, writersOf } from '../e2e/faults.ts';
import { createCluster } from '../support/caches.ts';
import { breakEngines, mendEngines } from './broken-engine.ts';
import type { Operation } from './crash-case.ts';
import {
  cluster,
  deleteCluster,
  deleteGroup,
  found,
  type GroupInput,
  isWhole,
  keptAll,
  makeGroup,
  nodeType,
  pair,
  trio,
} from './crash-scenes.ts';
import { readRows } from './leftovers.ts';

export const createsGroup = (title: string, input: GroupInput): Operation => ({
  title,
  perform: ({ limber, id }) =>
    limber.client().send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: id,
        ReplicationGroupDescription: 'crash',
        Engine: 'valkey',
        ...input,
      }),
    ),
  check: isWhole,
  clear: deleteGroup,
});

/** The request itself is cut off: the group is there or it is not. */
export const asksForGroup = (title: string, input: GroupInput, isThere: boolean): Operation => ({
  ...createsGroup(title, input),
  check: (scene, status) => {
    assert.equal(found(status, scene.id) !== undefined, isThere);
    return isThere ? isWhole(scene) : undefined;
  },
  clear: (scene) => (isThere ? deleteGroup(scene) : Promise.resolve()),
});

export const createsSingle: Operation = {
  title: 'a single node is created',
  perform: ({ limber, id }) =>
    limber.client().send(
      new CreateCacheClusterCommand({
        CacheClusterId: id,
        Engine: 'valkey',
        CacheNodeType: nodeType,
        NumCacheNodes: 1,
      }),
    ),
  check: async ({ limber, id }) => assert.equal((await wholeAgain(limber, id)).length, 1),
  clear: deleteCluster,
};

export const failsToCreate: Operation = {
  title: 'a group whose nodes do not start is given up',
  perform: (scene) => {
    breakEngines(scene.engines!);
    return createsGroup('', { ...pair, EngineVersion: scene.engines!.version }).perform(scene);
  },
  check: ({ id }, status) => {
    assert.equal(found(status, id)?.status, 'create-failed');
    assert.deepEqual(
      found(status, id)?.members.map((member) => member.pid !== null && isAlive({ pid: member.pid })),
      [false, false],
    );
  },
  clear: (scene) => {
    mendEngines(scene.engines!);
    return deleteGroup(scene);
  },
};

export const failsToGrow: Operation = {
  title: 'replicas that do not start are taken back',
  prepare: (scene) => makeGroup(scene, { ...pair, EngineVersion: scene.engines!.version }),
  perform: ({ limber, id, engines }) => {
    breakEngines(engines!);
    const input = { ReplicationGroupId: id, NewReplicaCount: 2, ApplyImmediately: true };
    return limber.client().send(new IncreaseReplicaCountCommand(input));
  },
  async check(scene, status) {
    await keptAll(scene);
    assert.equal(found(status, scene.id)?.members.length, 2);
  },
  clear: (scene) => {
    mendEngines(scene.engines!);
    return deleteGroup(scene);
  },
};

export const deletesGroup: Operation = {
  title: 'a group is deleted',
  prepare: (scene) => makeGroup(scene, pair),
  perform: deleteGroup,
  check: ({ id }, status) => assert.equal(found(status, id), undefined),
  clear: async () => {},
};

export const retainsPrimary: Operation = {
  title: 'a group is deleted, its primary is retained',
  prepare: (scene) => makeGroup(scene, pair),
  perform: ({ limber, id }) =>
    limber
      .client()
      .send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id, RetainPrimaryCluster: true })),
  async check({ limber, id }, status) {
    assert.equal(found(status, id), undefined);
    const [node] = await wholeAgain(limber, `${id}-001`);
    assert.equal(await askOnce(node!, 'GET', 'before'), 'kept');
  },
  clear: ({ limber, id }) => deleteCluster({ limber, id: `${id}-001` }),
};

const changesReplicas = (title: string, from: GroupInput, to: number): Operation => ({
  title,
  prepare: (scene) => makeGroup(scene, from),
  perform({ limber, id }) {
    const input = { ReplicationGroupId: id, ApplyImmediately: true };
    const client = limber.client();
    if (from.NumCacheClusters !== 3)
      return client.send(new IncreaseReplicaCountCommand({ ...input, NewReplicaCount: to }));
    // The one that serves readers, so that it has an endpoint to give up.
    const { nodes, endpoints } = readRows(limber);
    const readers = endpoints.filter((endpoint) => endpoint.purpose === 'reader');
    const leaving = nodes.find(
      (node) => node.id.startsWith(id) && readers.some((endpoint) => endpoint.holder === node.incarnation),
    );
    return client.send(new DecreaseReplicaCountCommand({ ...input, ReplicasToRemove: [leaving!.id] }));
  },
  async check(scene, status) {
    await keptAll(scene);
    assert.equal(found(status, scene.id)?.members.length, to + 1);
  },
  clear: deleteGroup,
  writers: ({ limber, id }) => writersOf(limber, id),
  lostMax: 0,
  leadsMax: 0,
});

export const addsReplicas = changesReplicas('a group gets more replicas', pair, 2);
export const removesReplicas = changesReplicas('a group gets fewer replicas', trio, 1);
export const addsReplicasInCluster: Operation = (() => {
  const { writers, ...rest } = changesReplicas('a shard of a cluster gets another replica', cluster, 2);
  return rest;
})();

export const appliesParameters: Operation = {
  title: 'a parameter is changed',
  async prepare(scene) {
    const { limber, id } = scene;
    await limber.client().send(
      new CreateCacheParameterGroupCommand({
        CacheParameterGroupName: `p-${id}`,
        CacheParameterGroupFamily: 'valkey9',
        Description: 'crash',
      }),
    );
    await makeGroup(scene, { ...pair, CacheParameterGroupName: `p-${id}` });
  },
  perform: ({ limber, id }) =>
    limber.client().send(
      new ModifyCacheParameterGroupCommand({
        CacheParameterGroupName: `p-${id}`,
        ParameterNameValues: [{ ParameterName: 'maxmemory-policy', ParameterValue: 'allkeys-lfu' }],
      }),
    ),
  async check(scene) {
    await keptAll(scene);
    const nodes = await wholeAgain(scene.limber, scene.id);
    const engines = await Promise.all(nodes.map((node) => engineAt(node)));
    assert.deepEqual(
      engines.map(({ fields }) => fields.get('maxmemory_policy')),
      ['allkeys-lfu', 'allkeys-lfu'],
    );
    const shown = await describeCluster(scene.limber.client(), `${scene.id}-001`);
    assert.equal(shown.CacheParameterGroup?.ParameterApplyStatus, 'in-sync');
  },
  clear: deleteGroup,
};

/** The existing node becomes the primary of a new group. */
export const createsFromPrimary: Operation = {
  title: 'a group is created around an existing node',
  async prepare({ limber, id }) {
    await createCluster(limber, `${id}-own`, { Engine: 'redis', CacheNodeType: nodeType });
    const [node] = await wholeAgain(limber, `${id}-own`);
    await askOnce(node!, 'SET', 'before', 'kept');
  },
  perform: ({ limber, id }) =>
    limber.client().send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: id,
        ReplicationGroupDescription: 'crash',
        PrimaryClusterId: `${id}-own`,
      }),
    ),
  check: keptAll,
  clear: deleteGroup,
};
