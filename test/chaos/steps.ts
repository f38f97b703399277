/** What may happen to a running Limber and its caches. Each step says what it did, or null when it does not fit now. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateCacheClusterCommand,
  DeleteCacheClusterCommand,
  ModifyCacheClusterCommand,
  ModifyCacheParameterGroupCommand,
} from '@aws-sdk/client-elasticache';
import { isAlive, kill, resume, suspend } from '../e2e/faults.ts';
import { startStranger } from '../e2e/strangers.ts';
import { eventually } from '../support/eventually.ts';
import { requestSteps } from './request-steps.ts';
import { asked, asynchronous, died, names, type Step, shardWithCopies } from './step-kit.ts';
import { configurationServerOf, groups, livingNodes, memcachedCluster, parameterGroup } from './world.ts';

export const steps: readonly Step[] = [
  ...requestSteps,
  {
    name: 'kill a primary',
    weight: 4,
    async perform(world) {
      const shard = await shardWithCopies(world, asynchronous);
      if (!shard) return null;
      died(world, shard);
      kill(shard.primary);
      return `${shard.primary.id} (primary) is killed`;
    },
  },
  {
    name: 'kill a replica',
    weight: 3,
    async perform(world) {
      const shard = await shardWithCopies(world, Object.values(groups), 0);
      if (!shard || shard.others.length === 0 || (shard.isBusy && shard.copies.length < 2)) return null;
      const node = world.random.pick(shard.others);
      kill(node);
      return `${node.id} (replica) is killed`;
    },
  },
  {
    name: 'kill a primary and a replica',
    weight: 2,
    async perform(world) {
      const shard = await shardWithCopies(world, [groups.replicated], 2);
      if (!shard) return null;
      const nodes = [shard.primary, world.random.pick(shard.copies)];
      died(world, shard);
      kill(...nodes);
      return `${names(nodes)} are killed at once`;
    },
  },
  {
    name: 'kill nodes of the durable group',
    weight: 3,
    async perform(world) {
      const nodes = livingNodes(world, groups.durable);
      const victims = world.random.chance(0.3) ? nodes : [world.random.pick(nodes)].filter(Boolean);
      if (victims.length === 0) return null;
      kill(...victims);
      return `${names(victims)} of the durable group are killed`;
    },
  },
  {
    name: 'stop a node for a moment',
    weight: 2,
    async perform(world) {
      const node = world.random.pick(Object.values(groups).flatMap((id) => livingNodes(world, id)));
      if (!node) return null;
      suspend(node);
      await delay(world.random.below(300));
      if (isAlive(node)) resume(node);
      return `${node.id} is stopped for a moment`;
    },
  },
  {
    name: 'hang a primary until it is fenced',
    weight: 2,
    async perform(world) {
      const shard = await shardWithCopies(world, Object.values(groups));
      if (!shard) return null;
      died(world, shard);
      suspend(shard.primary);
      await eventually(() => !isAlive(shard.primary), { deadlineMs: 15_000 });
      return `${shard.primary.id} (primary) hangs until it is fenced`;
    },
  },
  {
    name: 'hang a replica until it is fenced',
    weight: 1,
    async perform(world) {
      const shard = await shardWithCopies(world, Object.values(groups));
      if (!shard) return null;
      const node = world.random.pick(shard.copies);
      suspend(node);
      await eventually(() => !isAlive(node), { deadlineMs: 15_000 });
      return `${node.id} (replica) hangs until it is fenced`;
    },
  },
  {
    name: 'kill Limber',
    weight: 3,
    async perform({ limber }) {
      await limber.kill();
      await limber.restart();
      return 'Limber is killed and started again';
    },
  },
  {
    name: 'kill Limber and a primary',
    weight: 2,
    async perform(world) {
      const shard = await shardWithCopies(world, asynchronous);
      await world.limber.kill();
      // In cluster mode the engine's own failover may be faster than the next Limber.
      if (shard) {
        died(world, shard);
        if (isAlive(shard.primary)) kill(shard.primary);
      }
      await world.limber.restart();
      return `Limber and ${shard?.primary.id ?? 'nobody else'} are killed, Limber is started again`;
    },
  },
  {
    name: 'kill Limber a moment after a primary',
    weight: 2,
    async perform(world) {
      const shard = await shardWithCopies(world, asynchronous);
      if (!shard) return null;
      died(world, shard);
      kill(shard.primary);
      await delay(world.random.below(30));
      await world.limber.kill();
      await world.limber.restart();
      return `${shard.primary.id} (primary) is killed, and Limber in the middle of the failover`;
    },
  },
  {
    // Limber lives all the while: what a stranger takes while nobody looks, no one gives back.
    name: 'a stranger on the cluster bus',
    weight: 2,
    async perform(world) {
      const shard = await shardWithCopies(world, [groups.clustered], 0);
      if (!shard) return null;
      const nodes = [shard.primary, ...shard.others];
      const stranger = await startStranger(null);
      try {
        await stranger.claim([0, 16_383], shard.primary);
        const end = performance.now() + world.random.below(1_500);
        while (performance.now() < end) {
          await stranger.meet(world.random.pick(nodes));
          await delay(world.random.below(100));
        }
      } finally {
        await stranger.end();
      }
      return `a stranger claims all slots and meets ${shard.primary.id}`;
    },
  },
  {
    name: 'change a parameter',
    weight: 1,
    async perform({ client, random }) {
      const ParameterValue = String(3 + random.below(8));
      const ParameterNameValues = [{ ParameterName: 'maxmemory-samples', ParameterValue }];
      return asked(`maxmemory-samples becomes ${ParameterValue}`, () =>
        client.send(
          new ModifyCacheParameterGroupCommand({
            CacheParameterGroupName: parameterGroup,
            ParameterNameValues,
          }),
        ),
      );
    },
  },
  {
    name: 'create or delete a cache',
    weight: 2,
    async perform(world) {
      const { limber, client } = world;
      const isThere = (await limber.status()).caches.some((cache) => cache.id === 'extra');
      if (isThere)
        return asked('the extra cache is deleted', () =>
          client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'extra' })),
        );
      const input = { CacheClusterId: 'extra', Engine: 'redis', CacheNodeType: 'cache.t4g.micro' };
      const said = await asked('an extra cache is created', () =>
        client.send(new CreateCacheClusterCommand({ ...input, NumCacheNodes: 1 })),
      );
      if (!world.random.chance(0.3)) return said;
      await delay(world.random.below(40));
      await limber.kill();
      await limber.restart();
      return `${said}, and Limber killed meanwhile`;
    },
  },
  {
    name: 'kill the configuration server',
    weight: 1,
    async perform(world) {
      const server = await configurationServerOf(world);
      if (!server) return null;
      process.kill(server.pid, 'SIGKILL');
      return 'the configuration server is killed';
    },
  },
  {
    name: 'kill a Memcached node',
    weight: 1,
    async perform(world) {
      const node = world.random.pick(livingNodes(world, memcachedCluster));
      if (!node) return null;
      kill(node);
      return 'a Memcached node is killed';
    },
  },
  {
    name: 'resize the Memcached cluster',
    weight: 1,
    async perform(world) {
      const nodes = livingNodes(world, memcachedCluster);
      const [last] = nodes.slice(-1);
      if (!last) return null;
      const input =
        nodes.length < 3
          ? { NumCacheNodes: 3 }
          : { NumCacheNodes: 2, CacheNodeIdsToRemove: [world.random.pick(['0001', '0002', '0003'])] };
      return asked(`Memcached is to have ${input.NumCacheNodes} nodes`, () =>
        world.client.send(
          new ModifyCacheClusterCommand({
            CacheClusterId: memcachedCluster,
            ApplyImmediately: true,
            ...input,
          }),
        ),
      );
    },
  },
];
