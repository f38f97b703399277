/**
 * Steps that ask for something which ends processes on purpose, alone or within 10 ms of a death. Each leaves a copy of
 * everything, whenever it takes effect: nobody is hit after a request that may have taken the other copy by then.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  DecreaseReplicaCountCommand,
  IncreaseReplicaCountCommand,
  RebootCacheClusterCommand,
  TestFailoverCommand,
} from '@aws-sdk/client-elasticache';
import { isAlive, kill } from '../e2e/faults.ts';
import { eventually } from '../support/eventually.ts';
import { listenAt } from '../support/occupy.ts';
import { readRows } from './leftovers.ts';
import { asked, asynchronous, died, type Step, shardWithCopies } from './step-kit.ts';
import { groups, type LiveNode, ledShards, livingNodes, type Shard, type World } from './world.ts';

const withinMs = 10;

/** In cluster mode, and without automatic failover, a shard may be left without a replica. */
function changeReplicas(world: World, shard: Shard): Promise<string> {
  const { random } = world;
  const floor = shard.group === groups.replicated ? 1 : 0;
  const replicas = replicasOf(world, shard);
  // Fewer where there are some: that is what may cost something.
  const isFewer = replicas > floor && random.chance(0.6);
  return setReplicas(world, shard, floor + random.below(isFewer ? replicas - floor : 3));
}

const replicasOf = ({ limber }: World, { group, shard }: Shard): number =>
  readRows(limber).nodes.filter((node) => node.shard === shard && node.id.startsWith(group)).length - 1;

async function setReplicas(world: World, shard: Shard, count: number): Promise<string> {
  const replicas = replicasOf(world, shard);
  const input = {
    ReplicationGroupId: shard.group,
    ReplicaConfiguration: [{ NodeGroupId: shard.shard, NewReplicaCount: count }],
    ApplyImmediately: true,
  };
  const command =
    count > replicas ? new IncreaseReplicaCountCommand(input) : new DecreaseReplicaCountCommand(input);
  return asked(`${shard.group} ${shard.shard} is to have ${count} replicas, not ${replicas}`, () =>
    world.client.send(command as IncreaseReplicaCountCommand).catch((error: Error) => {
      // It has as many, or somebody has changed that meanwhile.
      if (!/^InvalidParameterValue|^NoOperation/.test(error.name)) throw error;
    }),
  );
}

/** The primary dies, and at once its only replica is asked to go: the last copy. */
async function removeLastCopy(world: World): Promise<string | null> {
  const group = world.random.pick([groups.manual, groups.clustered]);
  const shard = world.random.pick((await ledShards(world, group)).filter((one) => !one.isBusy));
  if (!shard) return null;
  if (replicasOf(world, shard) === 0) return setReplicas(world, shard, 1);
  if (shard.copies.length === 0) return null;
  died(world, shard);
  kill(shard.primary);
  const afterMs = world.random.below(withinMs + 1);
  await delay(afterMs);
  return `${shard.primary.id} (primary) is killed, and ${afterMs} ms later ${await setReplicas(world, shard, 0)}`;
}

async function testFailover(world: World, shard: Shard): Promise<string> {
  // It may take effect at any time from now on.
  died(world, shard);
  const input = { ReplicationGroupId: shard.group, NodeGroupId: shard.shard };
  const said = await asked(`TestFailover of ${shard.group} ${shard.shard}`, () =>
    world.client.send(new TestFailoverCommand(input)),
  );
  if (said.includes('refused')) return said;
  // Or it was not done, and its operation has said so.
  const isOver = () =>
    !isAlive(shard.primary) ||
    !readRows(world.limber).openOperations.some((one) => one.startsWith('test-failover'));
  await eventually(isOver, { deadlineMs: 15_000 });
  died(world, shard);
  return said;
}

const reboot = ({ client }: World, node: LiveNode): Promise<string> =>
  asked(`${node.id} (${node.role}) is rebooted`, () =>
    client.send(new RebootCacheClusterCommand({ CacheClusterId: node.id, CacheNodeIdsToReboot: ['0001'] })),
  );

type Request = (world: World, shard: Shard) => Promise<string>;

const requests: readonly Request[] = [
  changeReplicas,
  (world, shard) =>
    shard.group === groups.manual ? changeReplicas(world, shard) : testFailover(world, shard),
  (world, shard) =>
    shard.group === groups.clustered
      ? testFailover(world, shard)
      : reboot(world, world.random.pick([shard.primary, ...shard.others])),
];

/** One of the shard's nodes dies, and something is asked for, at most 10 ms apart. */
async function dieNear(world: World): Promise<string | null> {
  const { random } = world;
  const shard = await shardWithCopies(world, asynchronous);
  if (!shard) return null;
  const request = random.pick(requests);
  const victim = random.pick([shard.primary, random.pick(shard.others)]);
  const afterMs = random.below(withinMs + 1);
  // What is asked for first may have taken one copy when the node dies; fewer replicas may be several.
  const isOne = request !== changeReplicas && shard.group !== groups.manual;
  const isFirst = isOne && shard.copies.length >= 2 && random.chance(0.5);
  const die = () => {
    died(world, shard);
    if (isAlive(victim)) kill(victim);
  };
  if (!isFirst) {
    die();
    await delay(afterMs);
    return `${victim.id} (${victim.role}) is killed, and ${afterMs} ms later ${await request(world, shard)}`;
  }
  const asking = request(world, shard);
  await delay(afterMs);
  die();
  const said = await asking;
  died(world, shard);
  return `${said}, and ${afterMs} ms later ${victim.id} (${victim.role}) is killed`;
}

/** Somebody else's program listens where a node is to come back, for up to two seconds. */
async function occupyAddress(world: World): Promise<string | null> {
  const { random, limber } = world;
  const shard = await shardWithCopies(world, asynchronous, 0);
  if (!shard || (shard.isBusy && shard.copies.length < 2)) return null;
  const node = random.pick(shard.copies.length > 0 ? [shard.primary, ...shard.others] : shard.others);
  if (!node) return null;
  await limber.kill();
  died(world, shard);
  if (isAlive(node)) kill(node);
  const server = await eventually(() => listenAt(node.address, node.port), {
    deadlineMs: 5_000,
    intervalMs: 1,
  });
  const forMs = 200 + random.below(1_800);
  world.beside.push(
    delay(forMs).then(() => new Promise<void>((resolve) => void server.close(() => resolve()))),
  );
  await limber.restart();
  return `${node.id} (${node.role}) is killed, and its address is occupied for ${forMs} ms`;
}

export const requestSteps: readonly Step[] = [
  { name: 'a death within 10 ms of a request', weight: 8, perform: dieNear },
  { name: 'a primary that dies before its last replica goes', weight: 5, perform: removeLastCopy },
  { name: 'an occupied address', weight: 2, perform: occupyAddress },
  {
    name: 'reboot',
    weight: 4,
    async perform(world) {
      const group = world.random.pick([groups.replicated, groups.manual, groups.durable]);
      const [shard] = await ledShards(world, group);
      const node = world.random.pick(livingNodes(world, group));
      // Alone and in memory only it comes back empty, as ElastiCache's would.
      const isAlone = shard?.copies.length === 0 && group !== groups.durable;
      if (!shard || !node || isAlone) return null;
      const said = await reboot(world, node);
      if (!world.random.chance(0.3)) return said;
      await delay(world.random.below(60));
      await world.limber.kill();
      await world.limber.restart();
      return `${said}, and Limber killed meanwhile`;
    },
  },
  {
    name: 'TestFailover',
    weight: 2,
    async perform(world) {
      const shard = await shardWithCopies(world, [groups.replicated, groups.clustered]);
      return shard && testFailover(world, shard);
    },
  },
  {
    name: 'change the number of replicas',
    weight: 3,
    async perform(world) {
      const shards = await ledShards(world, world.random.pick(asynchronous));
      if (shards.length === 0) return null;
      const said = await changeReplicas(world, world.random.pick(shards));
      if (!world.random.chance(0.3)) return said;
      await delay(world.random.below(100));
      await world.limber.kill();
      await world.limber.restart();
      return `${said}, and Limber killed meanwhile`;
    },
  },
];
