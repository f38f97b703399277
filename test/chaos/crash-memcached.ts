/** What Limber is in the middle of when it dies: Memcached clusters. */
import assert from 'node:assert/strict';
import { CreateCacheClusterCommand, ModifyCacheClusterCommand } from '@aws-sdk/client-elasticache';
import { createCluster } from '../support/caches.ts';
import { breakEngines, mendEngines } from './broken-engine.ts';
import type { Operation, Scene } from './crash-case.ts';
import { deleteCluster, found, nodeType } from './crash-scenes.ts';

const sendMemcached = ({ limber, id }: Pick<Scene, 'limber' | 'id'>, nodes: number) =>
  limber.client().send(
    new CreateCacheClusterCommand({
      CacheClusterId: id,
      Engine: 'memcached',
      CacheNodeType: nodeType,
      NumCacheNodes: nodes,
    }),
  );

export const createsMemcached: Operation = {
  title: 'a Memcached cluster is created',
  perform: ({ limber, id }) => sendMemcached({ limber, id }, 2),
  check: ({ id }, status) => assert.equal(found(status, id)?.members.length, 2),
  clear: deleteCluster,
};

const resize = ({ limber, id }: Scene, nodes: number, remove: readonly string[] = []) =>
  limber.client().send(
    new ModifyCacheClusterCommand({
      CacheClusterId: id,
      NumCacheNodes: nodes,
      ApplyImmediately: true,
      ...(remove.length > 0 ? { CacheNodeIdsToRemove: [...remove] } : {}),
    }),
  );

export const failsToResize: Operation = {
  title: 'nodes that do not start are taken back from a Memcached cluster',
  prepare: ({ limber, id }) => createCluster(limber, id, { NumCacheNodes: 2 }),
  perform: (scene) => {
    breakEngines(scene.engines!);
    return resize(scene, 4);
  },
  check: ({ id }, status) => assert.equal(found(status, id)?.members.length, 2),
  clear: (scene) => {
    mendEngines(scene.engines!);
    return deleteCluster(scene);
  },
};

export const growsMemcached: Operation = {
  title: 'a Memcached cluster gets more nodes',
  prepare: ({ limber, id }) => createCluster(limber, id, { NumCacheNodes: 1 }),
  perform: (scene) => resize(scene, 3),
  check: ({ id }, status) => assert.equal(found(status, id)?.members.length, 3),
  clear: deleteCluster,
};

export const shrinksMemcached: Operation = {
  title: 'a Memcached cluster gets fewer nodes',
  prepare: ({ limber, id }) => createCluster(limber, id, { NumCacheNodes: 3 }),
  perform: (scene) => resize(scene, 1, ['0001', '0003']),
  check: ({ id }, status) =>
    assert.deepEqual(
      found(status, id)?.members.map((member) => member.cacheNodeId),
      ['0002'],
    ),
  clear: deleteCluster,
};

export const deletesMemcached: Operation = {
  title: 'a Memcached cluster is deleted',
  prepare: ({ limber, id }) => createCluster(limber, id, { NumCacheNodes: 2 }),
  perform: deleteCluster,
  check: ({ id }, status) => assert.equal(found(status, id), undefined),
  clear: async () => {},
};
