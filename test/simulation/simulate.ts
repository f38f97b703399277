/**
 * One random life of a replication group. The real Limber makes it; then nodes die, hang, are busy and go on, starts fail,
 * addresses are taken, replicas are added and removed, failovers are tested, nodes are rebooted, the machine or Limber
 * dies, while clients write; then faults end and it has to settle. Rules are checked at each step.
 */
import type { Log, LogFields, LogLevel } from '../../src/platform/log.ts';
import { seeded } from '../support/random.ts';
import { disturb, heal, type Stage } from './faults.ts';
import { createLedger, type Loss } from './ledger.ts';
import { type Limber, startLimber } from './limber.ts';
import { isOpen, membersOf, newRows, note, type Rows } from './rows.ts';
import type { Starts } from './runtime.ts';
import { createScheduler } from './scheduler.ts';
import { openMemoryStore } from './store.ts';
import { createWorld, type World } from './world.ts';

export interface Outcome {
  readonly seed: number;
  readonly title: string;
  /** Rules that were broken, in the order in which it was seen. */
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly lost: Readonly<Record<Loss, number>>;
  readonly promotions: number;
  readonly deaths: number;
  /** Of API calls. */
  readonly accepted: number;
  /** What Limber said, and the faults between. */
  readonly history: readonly string[];
}

const creationMs = 60_000;
const settleMs = 15 * 60_000;

export async function simulate(seed: number): Promise<Outcome> {
  const random = seeded(seed);
  const scheduler = createScheduler();
  const history: string[] = [];
  const say = (what: string) =>
    void history.push(`${(scheduler.now() / 1000).toFixed(4).padStart(9)} ${what}`);
  const rows = newRows();
  const store = openMemoryStore();
  const starts: Starts = { failing: 0, refusesNew: false };
  const defects: string[] = [];
  const world = createWorld(scheduler, random, (error) => void defects.push(error.stack ?? error.message));
  const ledger = createLedger(world, rows, (what) => say(`  ${what}`));
  world.observer = ledger;
  let limber: Limber | null = null;
  let [lives, accepted] = [0, 0];
  const begin = () => {
    lives += 1;
    const onCommit = (changes: Parameters<typeof note>[1]) => {
      note(rows, changes);
      ledger.noted();
    };
    limber = startLimber({ world, store, starts, log: logTo(say), lifeNumber: lives, onCommit });
  };
  const stage: Stage = {
    ...{ world, rows, random, starts, ledger },
    limber: () => limber,
    skips: [],
    killLimber(ms) {
      if (!limber) return;
      say('— Limber is killed —');
      limber.life.end();
      limber = null;
      scheduler.after(ms, begin);
    },
    say(what) {
      if (what.endsWith(': accepted')) accepted += 1;
      say(`— ${what} —`);
    },
  };
  const broken = () => ledger.violations.length + defects.length > 0;

  const choice = chooseGroup(seed, random);
  begin();
  await scheduler.run(1, () => false);
  limber!.actions.CreateReplicationGroup(choice.input, limber!.context()).catch((error: Error) => {
    defects.push(`the group is not made: ${error.message}`);
  });
  await scheduler.run(creationMs, () => broken() || isHealthy(rows, world, limber));
  if (!isHealthy(rows, world, limber)) defects.push(`it is not made: ${stateOf(rows, world, limber)}`);

  let writesUntil = Number.POSITIVE_INFINITY;
  const write = () => {
    if (scheduler.now() > writesUntil) return;
    ledger.write();
    scheduler.after(5 + random.next() * 60, write);
  };
  write();
  say('— faults begin —');
  starts.failing = 0.05;
  const pauseMs = random.pick([150, 600, 2_000]);
  const end = scheduler.now() + pauseMs * 25;
  const next = () => {
    if (scheduler.now() >= end) return;
    disturb(stage);
    scheduler.after(random.chance(0.4) ? random.next() * 30 : random.next() * 2 * pauseMs, next);
  };
  scheduler.after(random.next() * pauseMs, next);
  await scheduler.run(end, broken);
  say('— faults end —');
  heal(stage);
  writesUntil = scheduler.now() + 20_000;
  await scheduler.run(scheduler.now() + settleMs, () => broken() || isHealthy(rows, world, limber));
  if (!broken() && !isHealthy(rows, world, limber))
    defects.push(`it does not settle: ${stateOf(rows, world, limber)}`);
  await store.close();
  return {
    ...{ seed, title: choice.title, history, accepted },
    violations: [...ledger.violations, ...defects],
    acknowledged: ledger.acknowledged(),
    lost: ledger.lost,
    promotions: ledger.promotions(),
    deaths: lives - 1,
  };
}

function chooseGroup(seed: number, random: ReturnType<typeof seeded>) {
  const isCluster = random.chance(0.4);
  const replicas = random.chance(0.08) ? 0 : 1 + random.below(2);
  const durability = random.chance(0.7) ? 'default' : random.pick(['async', 'sync'] as const);
  const automaticFailover = isCluster || (replicas > 0 && random.chance(0.6));
  const shape = isCluster
    ? { NumNodeGroups: 1 + random.below(3), ReplicasPerNodeGroup: replicas }
    : { NumCacheClusters: 1 + replicas };
  const input = {
    ReplicationGroupId: 'orders',
    ReplicationGroupDescription: 'simulated',
    Engine: 'valkey',
    CacheNodeType: 'cache.t4g.small',
    AutomaticFailoverEnabled: automaticFailover,
    ...(isCluster ? { CacheParameterGroupName: 'default.valkey8.cluster.on' } : {}),
    ...(durability === 'default' ? {} : { Durability: durability }),
    ...shape,
  };
  const title = `seed ${seed}: ${JSON.stringify(shape)}, automatic failover ${automaticFailover}, durability ${durability}`;
  return { title, input };
}

/** Every operation has ended; one leader of each shard is recorded, serves and takes writes, and all others follow it. */
function isHealthy(rows: Rows, world: World, limber: Limber | null): boolean {
  const { group } = rows;
  if (!limber || group?.status !== 'available' || [...rows.operations.values()].some(isOpen)) return false;
  if ([...rows.nodes.values()].some(({ intent }) => intent !== 'running')) return false;
  if (limber.shards.reports().some(({ isSettled }) => !isSettled)) return false;
  return [...rows.shards.values()].every(({ nodeGroupId, currentPrimary, targetPrimary }) => {
    const leader = world.of(currentPrimary ?? '');
    if (currentPrimary !== targetPrimary || leader?.role !== 'primary' || !leader.isListening) return false;
    return membersOf(rows, nodeGroupId).every(({ incarnation, synced }) => {
      const engine = world.of(incarnation);
      if (engine === leader) return true;
      return synced && engine?.follows === leader.endpoint && engine.link === 'up' && engine.isStreaming;
    });
  });
}

function stateOf(rows: Rows, world: World, limber: Limber | null): string {
  const nodes = [...rows.nodes.values()].map(({ cacheClusterId, incarnation, intent, synced, role }) => {
    const engine = world.of(incarnation);
    const state = engine
      ? `${engine.condition} ${engine.role}${engine.follows ? ` (${engine.link})` : ''}${engine.cluster?.isOk === false ? ' not ok' : ''}, ${engine.data.length} writes`
      : 'dead';
    return `${cacheClusterId} ${intent} ${role}${synced ? ' synced' : ''}: ${state}`;
  });
  const open = [...rows.operations.values()].filter(isOpen);
  return [
    `group ${rows.group?.status}`,
    ...nodes,
    ...[...rows.shards.values()].map(
      ({ nodeGroupId, currentPrimary, targetPrimary }) =>
        `${nodeGroupId}: current ${rows.nodes.get(currentPrimary ?? '')?.cacheClusterId}, target ${rows.nodes.get(targetPrimary ?? '')?.cacheClusterId}`,
    ),
    ...open.map(({ kind, sentence, state }) => `${kind} ${JSON.stringify(state)}: ${sentence}`),
    ...(limber?.shards.reports() ?? []).map(({ sentence }) => `"${sentence}"`),
  ].join('; ');
}

function logTo(say: (what: string) => void): Log {
  const line =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (level === 'debug') return;
      const { shard, error, node, operation, ...rest } = fields as Record<string, unknown>;
      const why = error instanceof Error ? `: ${error.message}` : '';
      say(`${message}${why} ${Object.keys(rest).length > 0 ? JSON.stringify(rest) : ''}`);
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}
