/** What happens to a group from outside: faults of processes, disks and addresses, deaths of Limber, and API calls. */

import type { Random } from '../support/random.ts';
import type { Ledger } from './ledger.ts';
import type { Limber } from './limber.ts';
import { membersOf, type Rows } from './rows.ts';
import type { Starts } from './runtime.ts';
import type { World } from './world.ts';

export interface Stage {
  readonly world: World;
  readonly rows: Rows;
  readonly random: Random;
  readonly starts: Starts;
  readonly ledger: Ledger;
  limber(): Limber | null;
  /** Kills Limber; another begins `ms` later. */
  killLimber(ms: number): void;
  /** Calls that are left out. */
  readonly skips: readonly number[];
  say(what: string): void;
}

/** One thing that happens, chosen at random. */
export function disturb(stage: Stage) {
  const { random, world, rows } = stage;
  const choice = random.below(100);
  const shard = random.pick([...rows.shards.keys()]);
  const node = random.pick([...rows.nodes.values()].filter((one) => one.nodeGroupId === shard));
  const engine = node ? world.of(node.incarnation) : null;
  if (choice < 35) return call(stage, shard);
  if (choice < 50) return stage.killLimber(downtime(random));
  if (choice < 53) return switchOff(stage);
  if (!node) return;
  if (choice < 56) return wipe(stage, node.incarnation, node.cacheClusterId);
  if (choice < 60) return occupy(stage, node.address, node.cacheClusterId);
  if (!engine) return;
  if (choice < 80) {
    stage.say(`${node.cacheClusterId} is killed`);
    world.end(engine, 'fault');
  } else if (engine.condition !== 'running') {
    stage.say(`${node.cacheClusterId} goes on`);
    goOn(world, engine);
  } else {
    const condition = choice < 92 ? 'hung' : 'busy';
    stage.say(`${node.cacheClusterId} is ${condition}`);
    world.setCondition(engine, condition);
    if (random.chance(0.5))
      world.scheduler.after(random.next() * 5_000, () => {
        if (world.process(engine.pid) && engine.condition !== 'running') goOn(world, engine);
      });
  }
}

/** Everything that was done to the machine is undone. */
export function heal({ world, starts }: Stage): void {
  starts.failing = 0;
  starts.refusesNew = false;
  for (const engine of world.all()) if (engine.condition !== 'running') goOn(world, engine);
  world.freeAddresses();
}

function goOn(world: World, engine: Parameters<World['setCondition']>[0]): void {
  // A cluster's node that was away looks at the others before it serves again.
  if (engine.cluster) engine.cluster.isOk = false;
  world.setCondition(engine, 'running');
}

/** Mostly at once, as under a supervisor; sometimes long enough for the engines to act by themselves. */
const downtime = (random: Random): number =>
  random.chance(0.7)
    ? random.next() * 500
    : random.chance(0.7)
      ? random.next() * 5_000
      : random.next() * 30_000;

function switchOff(stage: Stage): void {
  stage.say('the machine is switched off');
  for (const engine of [...stage.world.all()]) stage.world.end(engine, 'fault');
  stage.killLimber(stage.random.next() * 1_000);
}

function wipe({ ledger, rows, say, world }: Stage, incarnation: string, name: string): void {
  // What it has on its disk was looked at before it was told to end.
  if (rows.group?.desired.durability === 'default' || world.of(incarnation)?.isEnding) return;
  say(`the directory of ${name} is wiped`);
  ledger.wipes(incarnation);
}

function occupy({ world, random, say }: Stage, address: string, name: string): void {
  say(`somebody takes the address of ${name}, when it is free`);
  world.occupy(address, true);
  world.scheduler.after(random.next() * 20_000, () => world.occupy(address, false));
}

/** An API call; every other one is followed by a death within moments. */
function call(stage: Stage, nodeGroupId: string): void {
  const { random, rows, world } = stage;
  const limber = stage.limber();
  if (!limber || !rows.group) return;
  const { actions } = limber;
  const id = rows.group.id;
  const members = membersOf(rows, nodeGroupId);
  const member = random.pick(members);
  const isCluster = rows.group.desired.clusterMode === 'enabled';
  const counts = { ReplicationGroupId: id, ApplyImmediately: true };
  const calls: (() => [string, Promise<unknown>])[] = [
    () => [
      'DecreaseReplicaCount',
      actions.DecreaseReplicaCount(
        member && random.chance(0.5)
          ? { ...counts, ReplicasToRemove: [member.cacheClusterId] }
          : { ...counts, NewReplicaCount: Math.max(0, members.length - 2) },
        limber.context(),
      ),
    ],
    () => [
      'IncreaseReplicaCount',
      actions.IncreaseReplicaCount({ ...counts, NewReplicaCount: members.length }, limber.context()),
    ],
    () => [
      'TestFailover',
      actions.TestFailover({ ReplicationGroupId: id, NodeGroupId: nodeGroupId }, limber.context()),
    ],
    () => [
      `DeleteCacheCluster ${member?.cacheClusterId}`,
      actions.DeleteCacheCluster({ CacheClusterId: member?.cacheClusterId ?? '' }, limber.context()),
    ],
    () => [
      `RebootCacheCluster ${member?.cacheClusterId}`,
      actions.RebootCacheCluster(
        { CacheClusterId: member?.cacheClusterId ?? '', CacheNodeIdsToReboot: ['0001'] },
        limber.context(),
      ),
    ],
    () => [
      `PrimaryClusterId ${member?.cacheClusterId}`,
      actions.ModifyReplicationGroup(
        { ...counts, PrimaryClusterId: member?.cacheClusterId ?? '' },
        limber.context(),
      ),
    ],
    () => {
      const wanted = !rows.group?.desired.automaticFailover;
      return [
        `AutomaticFailoverEnabled ${wanted}`,
        actions.ModifyReplicationGroup({ ...counts, AutomaticFailoverEnabled: wanted }, limber.context()),
      ];
    },
  ];
  const [what, answer] = random.pick(
    (isCluster ? calls.slice(0, 5) : calls).filter((_, index) => !stage.skips.includes(index)),
  )();
  answer.then(
    () => stage.say(`${what}: accepted`),
    (error: Error) => stage.say(`${what}: ${error.message.slice(0, 120)}`),
  );
  if (what === 'IncreaseReplicaCount' && random.chance(0.4)) stage.starts.refusesNew = true;
  if (random.chance(0.4))
    world.scheduler.after(random.next() * (random.chance(0.5) ? 20 : 2_000), () =>
      stage.killLimber(downtime(random)),
    );
}
