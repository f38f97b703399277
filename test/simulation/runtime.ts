/** The runtime contract over simulated processes. A config file is read as the engine would read it. */
import type { NodeHandle } from '../../src/model/node.ts';
import {
  type NodeRuntime,
  type NodeSpec,
  NodeStillAlive,
  SpawnFailed,
  type StartOptions,
} from '../../src/runtime/contract.ts';
import type { Durability, Engine } from './engine/engine.ts';
import { root } from './files.ts';
import type { Life } from './life.ts';
import type { SpawnOptions, World } from './world.ts';

const bootId = 'boot';

/** How often a start fails by itself; may be changed while the simulation runs. */
export interface Starts {
  /** 0 to 1. */
  failing: number;
  /** Nodes that have never run do not start. */
  refusesNew: boolean;
}

export function createSimulatedRuntime(world: World, life: Life, starts: Starts): NodeRuntime {
  const { scheduler, random } = world;
  /** An engine's own timer makes progress; one that runs a script uses all of its core. */
  const cpuMsOf = ({ condition }: Engine): number =>
    condition === 'hung' ? 1 : scheduler.now() * (condition === 'busy' ? 1 : 0.01);
  const handleOf = ({ pid }: Engine): NodeHandle => ({ bootId, pid, startTime: 1 });
  const engineOf = ({ pid }: NodeHandle): Engine | null => world.process(pid);
  /** Resolves in this life, `ms` from now. */
  const later = (ms: number): Promise<void> => life.clock.delay(ms);

  async function start(spec: NodeSpec, options: StartOptions): Promise<NodeHandle> {
    const { incarnation } = spec;
    await later(random.next() * 5);
    const survivor = world.of(incarnation);
    const engine = survivor ?? spawn(spec);
    const handle = handleOf(engine);
    await options.onSpawned(handle).catch((error: unknown) => {
      if (!survivor) world.end(engine, 'killed');
      throw new SpawnFailed(`node ${incarnation} did not start: ${(error as Error).message}`, '', {
        cause: error,
      });
    });
    const deadline = scheduler.now() + options.deadlineMs;
    for (;;) {
      if (world.process(handle.pid) !== engine)
        throw new SpawnFailed(`node ${incarnation} did not start: its process has ended`, 'simulated');
      if (await options.isReady().catch(() => false)) return handle;
      if (scheduler.now() > deadline) {
        if (!survivor) world.end(engine, 'killed');
        throw new SpawnFailed(`node ${incarnation} did not answer`, 'simulated');
      }
      await later(1 + random.next() * 5);
    }
  }

  function spawn(spec: NodeSpec): Engine {
    const options = spawnOptionsOf(spec);
    const engine = world.spawn(options);
    const isNew = !world.hasRun(spec.incarnation);
    const isRefused = (starts.refusesNew && isNew) || world.isTaken(engine.address, engine);
    const fails = isRefused || random.chance(starts.failing);
    scheduler.after(2 + random.next() * 30, () => {
      if (world.process(engine.pid) !== engine) return;
      if (fails) world.end(engine, 'crashed');
      else world.listens(engine);
    });
    return engine;
  }

  return {
    files: {
      ...world.disks.files,
      watch: (path, onChange) => world.disks.files.watch(path, () => life.after(random.next() * 2, onChange)),
    },
    directoryOf: (incarnation) => `${root}/${incarnation}`,
    prepare: async (incarnation) => world.disks.prepare(incarnation),
    start,
    inspect(handle) {
      const engine = engineOf(handle);
      if (!engine) return { kind: 'gone', cpuMs: 0, isWaitingForDisk: false, rssBytes: 0 };
      const cpuMs = cpuMsOf(engine);
      const kind = engine.condition === 'hung' ? 'stopped' : 'running';
      return { kind, cpuMs, isWaitingForDisk: false, rssBytes: 10_000_000 };
    },
    cpuMs(handle) {
      const engine = engineOf(handle);
      return engine ? cpuMsOf(engine) : null;
    },
    isRunning: (handle) => (engineOf(handle)?.condition ?? 'hung') !== 'hung',
    worksInItsFolder: () => true,
    assumeAlive: () => {},
    onExit: (handle, listener) => world.onExit(handle.pid, () => !life.isOver() && listener()),
    async stop(handle, { graceMs }) {
      const engine = engineOf(handle);
      if (!engine) return;
      engine.isEnding = true;
      const end = scheduler.now() + (engine.condition === 'running' ? Math.min(graceMs, 2_000) : graceMs);
      // A primary that stops waits for the replicas that it streams to.
      const isWaitedFor = (one: Engine) =>
        one.upstreamPid === engine.pid && one.isStreaming && one.offset < engine.offset;
      await new Promise<void>((resolve) => {
        const look = (): void => {
          const isDone = engine.condition === 'running' && ![...world.all()].some(isWaitedFor);
          if (!isDone && scheduler.now() < end) scheduler.after(1 + random.next() * 5, look);
          else {
            world.end(engine, engine.condition === 'running' ? 'stopped' : 'killed');
            life.after(1, resolve);
          }
        };
        scheduler.after(random.next(), look);
      });
    },
    async fence(handle) {
      const engine = engineOf(handle);
      if (engine) scheduler.after(random.next() * 0.3, () => world.end(engine, 'killed'));
      await later(0.5 + random.next());
      return 'fenced';
    },
    suspend(handle, isHeld) {
      const engine = engineOf(handle);
      if (engine) world.setCondition(engine, isHeld ? 'hung' : 'running');
      return engine !== null;
    },
    async destroy(incarnation) {
      const engine = world.of(incarnation);
      if (engine) throw new NodeStillAlive(`${incarnation} lives`, [handleOf(engine)]);
      world.disks.destroy(incarnation);
      await later(random.next());
    },
    followOutput: () => {},
    lastWords: async () => 'simulated',
    async findProcesses() {
      const found = new Map<string, NodeHandle[]>();
      for (const engine of world.all()) found.set(engine.incarnation, [handleOf(engine)]);
      return found;
    },
    findDirectories: async () => world.disks.nodes(),
  };
}

/** From the rendered config file: what of it the simulation knows. */
function spawnOptionsOf(spec: NodeSpec): SpawnOptions {
  const lines = (spec.files['engine.conf'] ?? '').split('\n').map((line) => line.trim());
  const config = new Map<string, string>();
  for (const line of lines) {
    const [name = '', ...rest] = line.split(' ');
    if (name !== '' && name !== 'user') config.set(name, rest.join(' ').replace(/^"(.*)"$/, '$1'));
  }
  const [host, port] = (config.get('replicaof') ?? '').split(' ');
  const isDurable = config.get('appendonly') === 'yes';
  const durability: Durability = !isDurable
    ? 'disabled'
    : config.get('appendfsync') === 'always'
      ? 'sync'
      : 'async';
  return {
    incarnation: spec.incarnation,
    endpoint: `${config.get('bind')}:${config.get('port')}`,
    durability,
    isCluster: config.get('cluster-enabled') === 'yes',
    config,
    follows: host ? `${host}:${port}` : null,
  };
}
