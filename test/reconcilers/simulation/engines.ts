/**
 * Valkey processes of one shard in memory, as far as a shard's worker depends on them (cluster mode disabled):
 *
 * - A restart empties the memory unless there is a file; replication id and offset begin anew.
 * - A replica takes a partial sync where history and backlog allow it. Else it takes a full one: it keeps its old data
 *   while the snapshot is transferred, empties itself when it loads, and for a while after its link says `up` the
 *   primary does not stream yet (diskless sync).
 * - A replica whose own link is down serves no sync (NOMASTERLINK). Who is told to follow another, or to lead, cuts the
 *   links of those that follow it.
 * - An address has one listener; connections that came in by it survive its move until they are cut.
 */
import type { Random } from '../../support/random.ts';

/** The number of a client's write, or null for bytes that carry none (PING, GETACK). */
type Entry = number | null;

export interface Process {
  readonly pid: number;
  readonly member: number;
  condition: 'running' | 'busy' | 'hung';
  role: 'primary' | 'replica';
  /** The member that it was told to follow. */
  follows: number | null;
  link: 'down' | 'transfer' | 'loading' | 'up';
  /** Since it was told to follow: before that INFO says that the link never was up. */
  wasUp: boolean;
  /** The primary's stream has begun after the last full sync. */
  isStreaming: boolean;
  upstreamPid: number | null;
  incoming: { readonly data: readonly number[]; readonly replid: number; readonly offset: number } | null;
  replid: number;
  replid2: number;
  /** History `replid2` is valid up to here. */
  secondOffset: number;
  /** It may ask for a partial sync. */
  hasCache: boolean;
  offset: number;
  backlog: Entry[];
  backlogFrom: number;
  data: number[];
  refusesWrites: boolean;
  /** It listens on the primary endpoint. */
  isBound: boolean;
  /** Its files are where the next start looks for them. */
  hasFiles: boolean;
  /** Connections that came in by the primary endpoint are open. */
  hasClients: boolean;
  /** The truth: it holds all that its primary had when the stream began, and what has come since. */
  isComplete: boolean;
  /** Limber has proven it, or started it to lead. */
  isConfirmed: boolean;
}

export interface Engines {
  readonly processes: (Process | null)[];
  /** What each member has on disk; always empty without durability. */
  readonly disks: number[][];
  /** Its directory is deleted: a process that lives goes on writing into files that nobody finds again. */
  wipe(member: number): void;
  spawn(member: number, follows: number | null): Process;
  kill(member: number): void;
  /** SIGTERM: a primary waits for the replicas that it streams to. */
  stop(member: number): void;
  /** REPLICAOF. */
  follow(process: Process, primary: number): void;
  /** REPLICAOF NO ONE. */
  promote(process: Process): void;
  /** Each client connection of the primary endpoint writes once; the numbers of the acknowledged writes. */
  write(): number[];
  /** A PING of the primary to its replicas. */
  ping(process: Process): void;
  /** Something happens to a replica's link. */
  replicate(process: Process): void;
}

export type Durability = 'disabled' | 'async' | 'sync';

export const takesWrites = (process: Process): boolean =>
  process.role === 'primary' && !process.refusesWrites && (process.isBound || process.hasClients);

/** Nobody's: the connection is gone. */
const lost = -1;

const isBehind = (replica: Process, primary: Process): boolean =>
  replica.condition === 'running' &&
  replica.link === 'up' &&
  replica.isStreaming &&
  replica.offset < primary.offset;

export function createEngines(members: number, durability: Durability, random: Random): Engines {
  const processes: (Process | null)[] = Array.from({ length: members }, () => null);
  const disks: number[][] = Array.from({ length: members }, () => []);
  let lastPid = 0;
  let lastReplid = 0;
  let lastWrite = 0;

  function cutFollowers(process: Process): void {
    for (const other of processes)
      if (other?.upstreamPid !== process.pid) continue;
      // It has all that it was to get, and notices once that is loaded.
      else if (other.link === 'loading') other.upstreamPid = lost;
      else disconnect(other);
  }

  function disconnect(process: Process): void {
    process.link = 'down';
    process.upstreamPid = null;
    process.incoming = null;
  }

  function append(process: Process, entry: Entry): void {
    process.offset += 1;
    process.backlog.push(entry);
    if (entry === null) return;
    process.data.push(entry);
    save(process);
  }

  function synchronise(process: Process, from: Process): void {
    const isSame = process.replid === from.replid && process.offset <= from.offset;
    const isBefore = process.replid === from.replid2 && process.offset <= from.secondOffset;
    process.upstreamPid = from.pid;
    if (process.hasCache && (isSame || isBefore) && process.offset >= from.backlogFrom) {
      if (process.replid !== from.replid) {
        process.replid2 = process.replid;
        process.secondOffset = process.offset;
        process.replid = from.replid;
        cutFollowers(process);
      }
      Object.assign(process, { link: 'up', wasUp: true, isStreaming: true });
      return;
    }
    process.link = 'transfer';
    process.hasCache = false;
    process.incoming = { data: [...from.data], replid: from.replid, offset: from.offset };
  }

  function load(process: Process): void {
    const { data, replid, offset } = process.incoming!;
    cutFollowers(process);
    Object.assign(process, { link: 'up', wasUp: true, isStreaming: false, incoming: null, hasCache: true });
    Object.assign(process, { data: [...data], replid, replid2: 0, offset, backlog: [], backlogFrom: offset });
    save(process);
  }

  function save({ member, data, hasFiles }: Process): void {
    if (durability !== 'disabled' && hasFiles) disks[member] = [...data];
  }

  function replicate(process: Process): void {
    if (process.role === 'primary' || process.follows === null || process.condition !== 'running') return;
    const from = processes[process.follows];
    if (process.link === 'loading') load(process);
    else if (process.upstreamPid !== null && from?.pid !== process.upstreamPid) disconnect(process);
    else if (!from || from === process || from.condition !== 'running') return;
    else if (process.link === 'down') {
      if (from.role === 'primary' || from.link === 'up') synchronise(process, from);
    } else if (process.link === 'transfer') {
      process.link = 'loading';
      process.data = [];
      process.isComplete = process.isConfirmed = false;
    } else if (!process.isStreaming) {
      process.isStreaming = true;
      process.isComplete = from.isComplete;
    } else {
      const count = 1 + random.below(4);
      const at = process.offset - from.backlogFrom;
      for (const entry of from.backlog.slice(at, at + count)) append(process, entry);
    }
  }

  function kill(member: number): void {
    // What the system had not written yet: a second's worth.
    if (durability === 'async' && random.chance(0.3)) disks[member]!.splice(-1 - random.below(3));
    processes[member] = null;
  }

  return {
    processes,
    disks,
    replicate,
    kill,
    wipe(member) {
      disks[member] = [];
      const process = processes[member];
      if (process) process.hasFiles = false;
    },
    stop(member) {
      const from = processes[member];
      for (const other of processes)
        while (from?.condition === 'running' && other?.upstreamPid === from.pid && isBehind(other, from))
          replicate(other);
      if (from?.condition !== 'running') return kill(member);
      processes[member] = null;
    },
    spawn(member, follows) {
      const process: Process = {
        pid: ++lastPid,
        member,
        condition: 'running',
        role: follows === null ? 'primary' : 'replica',
        follows,
        link: 'down',
        wasUp: false,
        isStreaming: false,
        upstreamPid: null,
        incoming: null,
        replid: ++lastReplid,
        replid2: 0,
        secondOffset: 0,
        hasCache: false,
        offset: 0,
        backlog: [],
        backlogFrom: 0,
        data: [...disks[member]!],
        refusesWrites: false,
        isBound: false,
        hasFiles: true,
        hasClients: false,
        isComplete: follows === null,
        isConfirmed: follows === null,
      };
      processes[member] = process;
      return process;
    },
    follow(process, primary) {
      if (process.role === 'replica' && process.follows === primary) return;
      cutFollowers(process);
      disconnect(process);
      // A former primary continues with its own history; a replica whose full sync was cut has none to continue.
      if (process.role === 'primary') process.hasCache = true;
      Object.assign(process, { role: 'replica', follows: primary, wasUp: false, isStreaming: false });
    },
    promote(process) {
      if (process.role === 'primary') return;
      cutFollowers(process);
      disconnect(process);
      process.replid2 = process.replid;
      process.secondOffset = process.offset;
      process.replid = ++lastReplid;
      Object.assign(process, { role: 'primary', follows: null, hasCache: true });
    },
    ping(process) {
      if (process.role === 'primary' && process.condition === 'running') append(process, null);
    },
    write() {
      const acknowledged: number[] = [];
      for (const process of processes) {
        if (process?.condition !== 'running' || !takesWrites(process)) continue;
        append(process, ++lastWrite);
        acknowledged.push(lastWrite);
      }
      return acknowledged;
    },
  };
}
