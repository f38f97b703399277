/** The machine that simulated engines run on: their processes, disks, addresses and wires. */

import type { Random } from '../support/random.ts';
import { drain, type Link } from './connection.ts';
import type { Client } from './engine/call.ts';
import { newCluster } from './engine/cluster-state.ts';
import { failOverAlone } from './engine/election.ts';
import {
  boundAddresses,
  type Change,
  type Durability,
  type Engine,
  step,
  type Wires,
} from './engine/engine.ts';
import { broadcast, exchange, isClusterNode, tick } from './engine/gossip.ts';
import { createDisks, type Disks } from './files.ts';
import type { Scheduler } from './scheduler.ts';

export interface SpawnOptions {
  readonly incarnation: string;
  readonly endpoint: string;
  readonly durability: Durability;
  readonly isCluster: boolean;
  readonly config: ReadonlyMap<string, string>;
  /** `address:port`. */
  readonly follows: string | null;
}

/** Is told of every moment that may break a rule. */
export interface Observer {
  /** Before. */
  changes(engine: Engine, what: Change): void;
  /** Before the process is gone. */
  ends(engine: Engine, why: 'fault' | 'killed' | 'stopped' | 'crashed'): void;
}

export interface World extends Wires {
  readonly disks: Disks;
  spawn(options: SpawnOptions): Engine;
  /** A process by its number, while it lives. */
  process(pid: number): Engine | null;
  of(incarnation: string): Engine | null;
  end(engine: Engine, why: Parameters<Observer['ends']>[1]): void;
  /** Suspends it, lets it go on, or gives it an endless script. */
  setCondition(engine: Engine, condition: Engine['condition']): void;
  /** Calls back when the process ends, or at once when it has. */
  onExit(pid: number, listener: () => void): () => void;
  link(engine: Engine): Link;
  clientsOf(engine: Engine): ReadonlyMap<number, Client>;
  busyFor(engine: Engine): number;
  /** Somebody else's listener holds an address from now on, or lets it go. */
  occupy(address: string, isTaken: boolean): void;
  freeAddresses(): void;
  listens(engine: Engine): void;
  /** A process of it has come up once. */
  hasRun(incarnation: string): boolean;
  /** A fault of the simulation itself, or of the code that it runs: ends the run. */
  defect(error: Error): void;
  observer: Observer;
}

/** For a killed process the kernel holds its sockets a moment longer. */
const releaseMs = 5;
const tickMs = 120;

export function createWorld(scheduler: Scheduler, random: Random, onDefect: (error: Error) => void): World {
  const living = new Map<string, Engine>();
  const byPid = new Map<number, Engine>();
  const byIncarnation = new Map<string, Engine>();
  const disks = createDisks();
  const links = new Map<number, Set<Link>>();
  const clients = new Map<number, Map<number, Client>>();
  const exits = new Map<number, Set<() => void>>();
  const held = new Map<string, number>();
  const occupied = new Set<string>();
  const haveRun = new Set<string>();
  const busySince = new Map<number, number>();
  const downSince = new Map<string, number>();
  let [lastPid, lastId, lastClient] = [100, 0, 0];
  const hex = (length: number) => (++lastId).toString(16).padStart(length, '0');

  const world: World = {
    scheduler,
    random,
    disks,
    observer: { changes: () => {}, ends: () => {} },
    defect: onDefect,
    at: (endpoint) => (endpoint === null ? null : (living.get(endpoint) ?? null)),
    all: () => living.values(),
    process: (pid) => byPid.get(pid) ?? null,
    of: (incarnation) => byIncarnation.get(incarnation) ?? null,
    newReplid: () => hex(40),
    downFor(endpoint) {
      const since = downSince.get(endpoint);
      return since === undefined ? 0 : scheduler.now() - since;
    },
    isTaken(address, by) {
      if (occupied.has(address) || (held.get(address) ?? 0) > scheduler.now()) return true;
      for (const other of living.values())
        if (other !== by && (other.address === address || boundAddresses(other).includes(address)))
          return true;
      return false;
    },
    occupy(address, isTaken) {
      if (isTaken) occupied.add(address);
      else occupied.delete(address);
    },
    freeAddresses: () => occupied.clear(),
    listens(engine) {
      engine.isListening = true;
      haveRun.add(engine.incarnation);
    },
    hasRun: (incarnation) => haveRun.has(incarnation),
    changed(engine, what) {
      world.observer.changes(engine, what);
      save(engine, what);
    },
    spawn(options) {
      const engine = made(options);
      living.set(engine.endpoint, engine);
      byPid.set(engine.pid, engine);
      byIncarnation.set(engine.incarnation, engine);
      downSince.delete(engine.endpoint);
      if (engine.durability !== 'disabled') disks.saveData(engine);
      if (engine.role === 'replica') step(world, engine);
      if (engine.cluster) beat(engine);
      if (engine.role === 'primary') pingReplicas(engine);
      return engine;
    },
    end(engine, why) {
      if (byPid.get(engine.pid) !== engine) return;
      world.observer.ends(engine, why);
      // What the system had not written yet: a second's worth.
      if (why === 'fault' && engine.durability === 'async' && engine.hasFiles && random.chance(0.3))
        disks.cut(engine.incarnation, 1 + random.below(3));
      byPid.delete(engine.pid);
      byIncarnation.delete(engine.incarnation);
      living.delete(engine.endpoint);
      downSince.set(engine.endpoint, scheduler.now());
      for (const address of [engine.address, ...boundAddresses(engine)])
        held.set(address, scheduler.now() + random.next() * releaseMs);
      for (const link of links.get(engine.pid) ?? []) {
        link.isOpen = false;
        link.inbox.length = 0;
        link.onEnd();
      }
      for (const other of living.values()) if (other.upstreamPid === engine.pid) step(world, other);
      for (const listener of exits.get(engine.pid) ?? []) scheduler.after(random.next() * 3, listener);
    },
    setCondition(engine, condition) {
      engine.condition = condition;
      if (condition === 'busy') busySince.set(engine.pid, scheduler.now());
      if (condition === 'running') downSince.delete(engine.endpoint);
      else downSince.set(engine.endpoint, downSince.get(engine.endpoint) ?? scheduler.now());
      if (condition === 'hung') return;
      step(world, engine);
      for (const link of links.get(engine.pid) ?? []) drain(world, link);
      // After so long a script lets others be answered, if only with BUSY.
      if (condition === 'busy')
        scheduler.after(5_001, () => {
          for (const link of links.get(engine.pid) ?? []) drain(world, link);
        });
    },
    onExit(pid, listener) {
      if (!byPid.has(pid)) {
        const timer = scheduler.after(0.1, listener);
        return timer.stop;
      }
      const all = exits.get(pid) ?? new Set();
      exits.set(pid, all.add(listener));
      return () => void all.delete(listener);
    },
    link(engine) {
      const client: Client = { id: ++lastClient, unblock: null };
      const link: Link = {
        ...{ engine, client, inbox: [], onEnd: () => {}, isOpen: true, sentUntil: 0, answeredUntil: 0 },
      };
      links.set(engine.pid, (links.get(engine.pid) ?? new Set()).add(link));
      clients.set(engine.pid, (clients.get(engine.pid) ?? new Map()).set(client.id, client));
      return link;
    },
    clientsOf: (engine) => clients.get(engine.pid) ?? new Map(),
    busyFor: (engine) => scheduler.now() - (busySince.get(engine.pid) ?? scheduler.now()),
  };

  function made(options: SpawnOptions): Engine {
    const { incarnation, endpoint, durability, isCluster, follows } = options;
    const [address = '', port = '0'] = endpoint.split(':');
    disks.prepare(incarnation);
    const cluster = isCluster ? newCluster(hex(40), endpoint, disks.nodesFileOf(incarnation)) : null;
    const self = cluster?.known.get(cluster.id);
    const primary = self?.primaryId == null ? undefined : cluster?.known.get(self.primaryId);
    const upstream = primary?.endpoint ?? follows;
    const data = durability === 'disabled' ? [] : [...(disks.dataOf(incarnation) ?? [])];
    return {
      ...{ pid: ++lastPid, runId: hex(40), incarnation, endpoint, address, port: Number(port), durability },
      ...{ bootedAt: scheduler.now(), condition: 'running', isListening: false },
      ...{ role: upstream === null ? 'primary' : 'replica', follows: upstream },
      ...{ link: 'down', wasUp: false, isStreaming: false, upstreamPid: null, incoming: null },
      ...{ replid: hex(40), replid2: '', secondOffset: 0, hasCache: false, offset: 0, acknowledged: 0 },
      ...{ backlog: [], backlogFrom: 0, data, config: new Map(options.config), pausedUntil: 0 },
      ...{
        clients: new Set<string>(),
        hasFiles: true,
        isComplete: upstream === null,
        isEnding: false,
        isStepping: false,
      },
      cluster,
    } as Engine;
  }

  function save(engine: Engine, what: Change): void {
    if (!engine.hasFiles) return;
    if (engine.cluster) disks.saveNodesFile(engine);
    if (what.kind === 'data' && engine.durability !== 'disabled') disks.saveData(engine);
  }

  /** What a cluster node does by itself, as long as it lives. */
  function beat(engine: Engine): void {
    scheduler.after(tickMs * (0.5 + random.next()), () => {
      if (byPid.get(engine.pid) !== engine) return;
      if (engine.condition === 'running' && isClusterNode(engine)) {
        tick(world, engine);
        failOverAlone(world, engine);
        const others = [...engine.cluster.known.values()].filter((one) => one.id !== engine.cluster.id);
        if (others.length > 0) exchange(world, engine, random.pick(others).endpoint);
      }
      beat(engine);
    });
    broadcast(world, engine);
  }

  /** Ten seconds apart, as the engines do. */
  function pingReplicas(engine: Engine): void {
    scheduler.after(10_000 * random.next(), () => {
      if (byPid.get(engine.pid) !== engine) return;
      if (engine.role === 'primary' && engine.condition === 'running') {
        engine.offset += 1;
        engine.backlog.push(null);
        for (const other of living.values()) if (other.upstreamPid === engine.pid) step(world, other);
      }
      pingReplicas(engine);
    });
  }

  return world;
}
