/** A whole Limber but for its doors: the real workers, operations and actions over simulated engines and time. */
import type { ActionContext } from '../../src/actions/action.ts';
import { createActions } from '../../src/actions/index.ts';
import { parsePool } from '../../src/endpoints/addresses.ts';
import type { EngineStore, InstalledEngine } from '../../src/engine-store/contract.ts';
import { createConnections } from '../../src/fleet/connections.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { defaultSettings } from '../../src/fleet/settings.ts';
import type { Engine as EngineName } from '../../src/model/resource.ts';
import { createOperationKinds } from '../../src/operations/index.ts';
import { createRunner } from '../../src/operations/runner.ts';
import type { Tools } from '../../src/operations/tools.ts';
import type { Ids } from '../../src/platform/ids.ts';
import type { Log } from '../../src/platform/log.ts';
import { createTurns } from '../../src/platform/turns.ts';
import { adoptNodes } from '../../src/reconcilers/adopt.ts';
import { createCopies } from '../../src/reconcilers/copies.ts';
import { createHealthMonitor } from '../../src/reconcilers/health/monitor.ts';
import { createPing } from '../../src/reconcilers/health/ping.ts';
import { createShards, type Shards } from '../../src/reconcilers/shards.ts';
import type { Change, Store } from '../../src/store/contract.ts';
import { connectSimulated } from './connection.ts';
import { createLife, type Life } from './life.ts';
import { createSimulatedRuntime, type Starts } from './runtime.ts';
import { storeOf } from './store.ts';
import type { World } from './world.ts';

export interface Limber {
  readonly life: Life;
  readonly actions: ReturnType<typeof createActions>;
  readonly shards: Shards;
  context(): ActionContext;
}

export interface LimberOptions {
  readonly world: World;
  readonly store: Store;
  readonly starts: Starts;
  readonly log: Log;
  /** Numbers that differ from those of a Limber before. */
  readonly lifeNumber: number;
  onCommit(changes: readonly Change[]): void;
}

const account = '111122223333';
const region = 'eu-west-1';
export const scope = { account, region };

const version = '8.1.1';
const valkey: InstalledEngine = {
  ...{ engine: 'valkey', version, directory: '/simulated/engines', source: 'package' },
  program: (name) => (name === 'server' ? { command: 'valkey-server', args: [] } : null),
};
const engineStore: EngineStore = {
  directory: '/simulated/engines',
  installed: async () => [valkey],
  available: () => [],
  resolve: async () => ({ engine: valkey, exact: true }),
};

/** Begins a life: what runs is found and taken over, what was under way goes on. */
export function startLimber(options: LimberOptions): Limber {
  const { world, log } = options;
  const life = createLife(world.scheduler);
  const { clock } = life;
  const store = storeOf(options.store, life, world.random, options.onCommit);
  const ids = seededIds(world, options.lifeNumber);
  const runtime = createSimulatedRuntime(world, life, options.starts);
  const connections = createConnections(store, noCertificates, runtime, connectSimulated(world, life));
  const fleet: Fleet = {
    ...{ store, clock, ids, log, runtime, engineStore, connections, certificates: noCertificates },
    host: 'local',
    pool: parsePool('127.100.0.0/16'),
    probeAddress: async () => 'free',
    placing: createTurns(),
    dataDirectory: '/tmp',
    dnsZone: null,
    settings: defaultSettings,
    fingerprintOf: async () => ({ server: 'valkey', version, commands: [], directives: [] }),
  };
  const { ping } = createPing(fleet);
  const monitor = createHealthMonitor({ runtime, clock, log, limits: fleet.settings, ping });
  const shards = createShards(fleet, monitor, () => runner.nudge());
  const tools: Tools = { fleet, shards, configurationServer: noConfigurationServer };
  const runner = createRunner({
    ...{ store, clock, log },
    patience: fleet.settings.patience,
    kinds: createOperationKinds(tools),
  });
  const begin = async () => {
    const adoption = await adoptNodes(fleet);
    shards.ensure(adoption.keys);
    runner.wake();
  };
  begin().catch((error: unknown) => world.defect(error as Error));
  const actions = createActions({
    ...{ store, clock, ids, queue: runner, copies: createCopies(shards) },
    engineOffer: async () => ({
      runnable: [{ engine: 'valkey' as EngineName, version, installed: true }],
      allowStandIns: false,
    }),
    dnsZone: null,
    describeHoldMs: 0,
    testFailoversPerDay: 1_000,
    allowValkeyCacheClusters: false,
    deleteAnywayAfterMs: fleet.settings.deleteAnywayAfterMs,
  });
  const context = (): ActionContext => ({
    ...{ account, region, requestId: 'request', accessKeyId: 'key' },
    now: new Date(clock.now()),
    signal: new AbortController().signal,
  });
  return { life, actions, shards, context };
}

/** The groups of the simulation speak without TLS. */
const noTls = async (): Promise<never> => {
  throw new Error('the simulation has no TLS');
};
const noCertificates: Fleet['certificates'] = { trusted: noTls, issue: noTls, whyReplace: noTls };

const noConfigurationServer: Tools['configurationServer'] = {
  ensure: async () => {},
  publish: async () => {},
  unserved: async () => [],
  published: () => [],
  read: () => null,
  replace: async () => true,
  withdraw: async () => {},
  stop: async () => {},
};

function seededIds({ random }: World, lifeNumber: number): Ids {
  let made = 0;
  const digits = (length: number) =>
    Array.from({ length }, () => Math.floor(random.next() * 16).toString(16)).join('');
  return {
    incarnation: () => digits(16),
    requestId: () => digits(32),
    operationId: (now) => {
      made += 1;
      return `${now.toString(36).padStart(9, '0')}-${lifeNumber}-${made.toString(36).padStart(6, '0')}`;
    },
    dnsHash: () => digits(6),
    secret: () => digits(64),
    random: random.next,
  };
}
