/**
 * One Valkey process in memory, as far as Limber depends on it:
 *
 * - A restart empties the memory unless there is a file; replication id and offset begin anew.
 * - A replica takes a partial sync where history and backlog allow it. Else it takes a full one: it keeps its old data
 *   while the snapshot is transferred, empties itself when it loads, and for up to a second after its link says `up` the
 *   primary does not stream yet (diskless sync).
 * - A replica whose own link is down serves no sync (NOMASTERLINK). Who is told to follow another, or to lead, cuts the
 *   links of those that follow it.
 */
import type { Random } from '../../support/random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { ClusterState } from './cluster-state.ts';

/** The number of a client's write, or null for bytes that carry none (PING, GETACK). */
export type Entry = number | null;

export type Durability = 'disabled' | 'async' | 'sync';

export interface Engine {
  readonly pid: number;
  readonly runId: string;
  readonly incarnation: string;
  /** `address:port`. */
  readonly endpoint: string;
  readonly address: string;
  readonly port: number;
  readonly durability: Durability;
  readonly bootedAt: number;
  /** `busy`: it runs a script that does not end. `hung`: it is stopped by a signal. */
  condition: 'running' | 'busy' | 'hung';
  /** It listens and answers; before that connections are refused. */
  isListening: boolean;
  role: 'primary' | 'replica';
  follows: string | null;
  link: 'down' | 'transfer' | 'loading' | 'up';
  /** Since it was told to follow: before that INFO says that the link never was up. */
  wasUp: boolean;
  /** The primary's stream has begun after the last full sync. */
  isStreaming: boolean;
  upstreamPid: number | null;
  incoming: { readonly data: readonly number[]; readonly replid: string; readonly offset: number } | null;
  replid: string;
  replid2: string;
  /** History `replid2` is valid up to here. */
  secondOffset: number;
  /** It may ask for a partial sync. */
  hasCache: boolean;
  offset: number;
  /** What the primary has last been told of its offset. */
  acknowledged: number;
  backlog: Entry[];
  backlogFrom: number;
  data: number[];
  readonly config: Map<string, string>;
  /** Writing clients are held back until then. */
  pausedUntil: number;
  /** Moved addresses by which connections of clients are open. */
  readonly clients: Set<string>;
  /** Its files are where the next start looks for them. */
  hasFiles: boolean;
  /** The truth: it holds all that its primary had when the stream began, and what has come since. */
  isComplete: boolean;
  /** It was told to end in good order. */
  isEnding: boolean;
  /** A step of its replication is due. */
  isStepping: boolean;
  readonly cluster: ClusterState | null;
}

/** What engines share: the wires between them, and those who watch. */
export interface Wires {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** The living process that listens at its own address. */
  at(endpoint: string | null): Engine | null;
  /** All living processes. */
  all(): Iterable<Engine>;
  /** A process's memory or role has changed. */
  changed(engine: Engine, what: Change): void;
  newReplid(): string;
  /** For how long nothing has answered at this address, milliseconds. */
  downFor(endpoint: string): number;
  /** Somebody else listens there, or a process that has just died does until the kernel lets go. */
  isTaken(address: string, by: Engine): boolean;
}

export type Change =
  | { readonly kind: 'data' }
  /** Its data are about to be replaced by what its primary has. */
  | { readonly kind: 'emptied'; readonly by: Engine | null }
  /** `isAsked`: by somebody, and not by the engines' own failover. */
  | { readonly kind: 'promoted'; readonly isAsked: boolean }
  | { readonly kind: 'nodes-file' };

/** Nobody's: the connection is gone. */
const lost = -1;

export const boundAddresses = (engine: Engine): readonly string[] =>
  (engine.config.get('bind') ?? '')
    .split(' ')
    .filter((address) => address !== '' && address !== engine.address);

const refusing = 100;
export const refusesWrites = ({ config }: Engine): boolean =>
  Number(config.get('min-replicas-to-write') ?? 0) >= refusing;

const cutFollowers = (wires: Wires, engine: Engine): void => {
  for (const other of wires.all())
    if (other.upstreamPid !== engine.pid) continue;
    // It has all that it was to get, and notices once that is loaded.
    else if (other.link === 'loading') other.upstreamPid = lost;
    else {
      disconnect(other);
      step(wires, other, reconnectMs(wires));
    }
};

/** Once a second a replica tries to connect; at once when its link has just broken. */
const reconnectMs = ({ random }: Wires): number =>
  random.chance(0.5) ? random.next() * 5 : random.next() * 1_000;

function disconnect(engine: Engine): void {
  engine.link = 'down';
  engine.upstreamPid = null;
  engine.incoming = null;
}

export function append(wires: Wires, engine: Engine, entry: Entry): void {
  engine.offset += 1;
  engine.backlog.push(entry);
  if (entry !== null) engine.data.push(entry);
  if (engine.role === 'primary')
    for (const other of wires.all()) if (other.upstreamPid === engine.pid) step(wires, other);
}

/** REPLICAOF, or CLUSTER REPLICATE. */
export function follow(wires: Wires, engine: Engine, endpoint: string): void {
  if (engine.role === 'replica' && engine.follows === endpoint) return;
  cutFollowers(wires, engine);
  disconnect(engine);
  // A former primary continues with its own history; a replica whose full sync was cut has none to continue.
  if (engine.role === 'primary') engine.hasCache = true;
  Object.assign(engine, { role: 'replica', follows: endpoint, wasUp: false, isStreaming: false });
  engine.acknowledged = 0;
  step(wires, engine);
}

/** REPLICAOF NO ONE, or a failover of the cluster. */
export function promote(wires: Wires, engine: Engine, isAsked = true): void {
  if (engine.role === 'primary') return;
  wires.changed(engine, { kind: 'promoted', isAsked });
  cutFollowers(wires, engine);
  disconnect(engine);
  engine.replid2 = engine.replid;
  engine.secondOffset = engine.offset;
  engine.replid = wires.newReplid();
  Object.assign(engine, { role: 'primary', follows: null, hasCache: true });
}

/** Something happens to a replica's link soon, if there is something that can. */
export function step(wires: Wires, engine: Engine, ms?: number): void {
  if (engine.isStepping || engine.role === 'primary') return;
  engine.isStepping = true;
  const { random } = wires;
  // Now and then the network or the machine is slow.
  const delayMs = ms ?? (random.chance(0.05) ? random.next() * 300 : random.next() * 3);
  wires.scheduler.after(delayMs, () => {
    engine.isStepping = false;
    if (wires.at(engine.endpoint) !== engine || engine.role === 'primary') return;
    // A process that does not run looks again when it goes on.
    if (engine.condition === 'running') replicate(wires, engine);
  });
}

function replicate(wires: Wires, engine: Engine): void {
  const from = wires.at(engine.follows);
  if (engine.link === 'loading') load(wires, engine);
  else if (engine.upstreamPid !== null && from?.pid !== engine.upstreamPid) {
    disconnect(engine);
    step(wires, engine, reconnectMs(wires));
  } else if (!from || from === engine || from.condition !== 'running')
    step(wires, engine, 200 + wires.random.next() * 800);
  else if (engine.link === 'down') connect(wires, engine, from);
  else if (engine.link === 'transfer') {
    wires.changed(engine, { kind: 'emptied', by: from });
    engine.link = 'loading';
    engine.data = [];
    engine.isComplete = false;
    step(wires, engine);
  } else if (!engine.isStreaming) {
    engine.isStreaming = true;
    engine.isComplete = isWholeSource(from);
    step(wires, engine);
  } else stream(wires, engine, from);
}

function connect(wires: Wires, engine: Engine, from: Engine): void {
  const canServe = from.role === 'primary' || from.link === 'up';
  if (!canServe) {
    step(wires, engine, 100 + wires.random.next() * 900);
    return;
  }
  const isSame = engine.replid === from.replid && engine.offset <= from.offset;
  const isBefore = engine.replid === from.replid2 && engine.offset <= from.secondOffset;
  engine.upstreamPid = from.pid;
  if (engine.hasCache && (isSame || isBefore) && engine.offset >= from.backlogFrom) {
    if (engine.replid !== from.replid) {
      engine.replid2 = engine.replid;
      engine.secondOffset = engine.offset;
      engine.replid = from.replid;
      cutFollowers(wires, engine);
    }
    Object.assign(engine, { link: 'up', wasUp: true, isStreaming: true });
    engine.isComplete = isWholeSource(from);
    step(wires, engine);
    return;
  }
  engine.link = 'transfer';
  engine.hasCache = false;
  engine.incoming = { data: [...from.data], replid: from.replid, offset: from.offset };
  step(wires, engine);
}

/** What a primary has is its shard's data. */
const isWholeSource = (from: Engine): boolean => from.isComplete || from.role === 'primary';

function load(wires: Wires, engine: Engine): void {
  const { data, replid, offset } = engine.incoming!;
  cutFollowers(wires, engine);
  Object.assign(engine, { link: 'up', wasUp: true, isStreaming: false, incoming: null, hasCache: true });
  Object.assign(engine, { data: [...data], replid, replid2: '', offset, backlog: [], backlogFrom: offset });
  engine.acknowledged = 0;
  wires.changed(engine, { kind: 'data' });
  // The stream opens with the replica's next acknowledgement.
  step(wires, engine, wires.random.next() * 1_000);
}

function stream(wires: Wires, engine: Engine, from: Engine): void {
  const at = engine.offset - from.backlogFrom;
  const entries = from.backlog.slice(at, at + 1 + wires.random.below(8));
  for (const entry of entries) append(wires, engine, entry);
  // An idle link acknowledges once a second, and whenever it is asked (GETACK, which is an entry without a write).
  if (entries.includes(null) || entries.length === 0) engine.acknowledged = engine.offset;
  if (entries.length > 0) wires.changed(engine, { kind: 'data' });
  if (engine.offset < from.offset) step(wires, engine);
  else if (engine.acknowledged < engine.offset) step(wires, engine, wires.random.next() * 1_000);
}
