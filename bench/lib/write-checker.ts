/**
 * Writes as clients do, and finds out afterwards which acknowledged writes are gone.
 *
 * Several connections, one outstanding write each: three of four write a key of their own that is never written
 * again, the fourth increments the connection's counter. A connection that ends is replaced at once, every millisecond
 * until it works; an attempt that was refused or cut off is never repeated, so that what is there was written once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Address, connectResp, type Reply, type RespClient, RespError } from './resp-client.ts';
import type { Route } from './routes.ts';

export interface WriteCheckerOptions {
  readonly route: Route;
  /** Default 8. */
  readonly connections?: number;
  /** Keys begin with it; what an earlier check has left must not be mistaken. Default: made of the clock. */
  readonly prefix?: string;
  /**
   * For a cluster: a text per connection whose slot belongs to the shard under test; it becomes the hash tag of the
   * connection's keys. Default: its number.
   */
  readonly hashTags?: readonly string[];
  /** Pause between two writes of a connection, milliseconds. Default 0: as fast as it is answered. */
  readonly pauseMs?: number;
}

/** All since the last `mark()`, milliseconds. */
export interface Gap {
  /** The longest time in which no write of any connection was acknowledged. */
  readonly longestMs: number;
  /** From the mark to the begin of that time. */
  readonly afterMs: number;
  /** The longest time that a single connection waited between two acknowledgements. */
  readonly longestOfOneMs: number;
}

export interface Verification {
  readonly acknowledged: number;
  /** Acknowledged writes that are not there: keys that are missing, increments that a counter does not hold. */
  readonly lost: number;
  /** Keys that hold another value than was written: never to be seen. */
  readonly wrong: number;
  /** Of the lost and wrong keys, the first 20. */
  readonly examples: readonly string[];
}

export interface WriteChecker {
  readonly acknowledged: number;
  /** The gap counts from here. Gives `performance.now()`. */
  mark(): number;
  gap(): Gap;
  /** Resolves when every connection has had this many more writes acknowledged; rejects at the deadline. */
  progress(writesEach: number, deadlineMs: number): Promise<void>;
  /** Lets the last write end and closes all connections. */
  stop(): Promise<void>;
  /** After `stop`: reads everything back, from the node that leads; default: where the route goes now. */
  verify(from?: Address): Promise<Verification>;
  /** After `stop`: removes all that was written. */
  clear(from?: Address): Promise<void>;
}

interface Writer {
  readonly number: number;
  readonly tag: string;
  client: RespClient | null;
  /** Number of the next write. */
  next: number;
  /** Numbers of writes that were not acknowledged. */
  readonly refused: Set<number>;
  /** Acknowledged values of the counter, increasing. */
  readonly counted: number[];
  /** Values of the counter that were acknowledged and given out a second time. */
  lostCounts: number;
  acknowledged: number;
  lastAckAt: number;
  longestMs: number;
}

const retryMs = 1;
const readAtOnce = 200;

export function startWriteChecker(options: WriteCheckerOptions): WriteChecker {
  const { route, prefix = `check-${Date.now().toString(36)}`, pauseMs = 0 } = options;
  const started = performance.now();
  const writers = Array.from(
    { length: options.connections ?? 8 },
    (_, number): Writer => ({
      number,
      tag: options.hashTags?.[number % options.hashTags.length] ?? String(number),
      client: null,
      next: 0,
      refused: new Set(),
      counted: [],
      lostCounts: 0,
      acknowledged: 0,
      lastAckAt: started,
      longestMs: 0,
    }),
  );
  const state = { markAt: started, lastAckAt: started, longestMs: 0, longestFrom: started };
  let isStopping = false;

  const acknowledge = (writer: Writer) => {
    const now = performance.now();
    writer.acknowledged += 1;
    writer.longestMs = Math.max(writer.longestMs, now - writer.lastAckAt);
    writer.lastAckAt = now;
    if (now - state.lastAckAt > state.longestMs) {
      state.longestMs = now - state.lastAckAt;
      state.longestFrom = state.lastAckAt;
    }
    state.lastAckAt = now;
  };
  route.onMove((from) => {
    for (const { client } of writers)
      if (client?.target.address === from.address && client.target.port === from.port) client.close();
  });
  const running = writers.map(async (writer) => {
    while (!isStopping) {
      const isDone = await attempt(writer, route, prefix, acknowledge);
      if (!isDone) await delay(retryMs);
      else if (pauseMs > 0) await delay(pauseMs);
    }
  });

  return {
    get acknowledged() {
      return sum(writers.map((writer) => writer.acknowledged));
    },
    mark() {
      const now = performance.now();
      Object.assign(state, { markAt: now, longestMs: 0, longestFrom: now });
      for (const writer of writers) writer.longestMs = 0;
      return now;
    },
    gap: () => ({
      longestMs: state.longestMs,
      afterMs: state.longestFrom - state.markAt,
      longestOfOneMs: Math.max(...writers.map((writer) => writer.longestMs)),
    }),
    async progress(writesEach, deadlineMs) {
      const end = performance.now() + deadlineMs;
      const before = writers.map((writer) => writer.acknowledged);
      const since = () => writers.map((writer, index) => writer.acknowledged - before[index]!);
      while (since().some((writes) => writes < writesEach)) {
        if (performance.now() > end)
          throw new Error(
            `within ${deadlineMs} ms the connections had ${since()} writes acknowledged, not ${writesEach} each`,
          );
        await delay(2);
      }
    },
    async stop() {
      isStopping = true;
      // A write to a silent server would be waited for without end.
      const cut = setTimeout(() => {
        for (const { client } of writers) client?.close();
      }, 2_000);
      await Promise.all(running);
      clearTimeout(cut);
      for (const { client } of writers) client?.close();
    },
    verify: (from = route.current()) => withClient(from, (client) => verifyAll(client, writers, prefix)),
    clear: (from = route.current()) => withClient(from, (client) => clearAll(client, writers, prefix)),
  };
}

const isCount = (number: number): boolean => number % 4 === 3;
const keyOf = (prefix: string, { tag, number }: Writer, write: number): string =>
  `${prefix}:{${tag}}:${number}:${write}`;
const counterOf = (prefix: string, { tag, number }: Writer): string => `${prefix}:{${tag}}:${number}:count`;
const textOf = (prefix: string, writer: Writer, write: number): string =>
  `${prefix} ${writer.number} ${write}`;

/** One write. False when it was not acknowledged. */
async function attempt(
  writer: Writer,
  route: Route,
  prefix: string,
  acknowledge: (writer: Writer) => void,
): Promise<boolean> {
  const client = writer.client?.isOpen ? writer.client : await reconnect(writer, route);
  if (!client) return false;
  const write = writer.next++;
  let reply: Reply;
  try {
    reply = isCount(write)
      ? await client.send('INCR', counterOf(prefix, writer))
      : await client.send('SET', keyOf(prefix, writer, write), textOf(prefix, writer, write));
  } catch {
    writer.refused.add(write);
    route.failed(client.target);
    writer.client = null;
    return false;
  }
  if (reply instanceof RespError) {
    writer.refused.add(write);
    return follow(writer, route, reply);
  }
  if (isCount(write)) count(writer, Number(reply));
  acknowledge(writer);
  return true;
}

/** A value that was given out before: the increments from there on were acknowledged and are gone. */
function count(writer: Writer, value: number): void {
  forgetFrom(writer, value);
  writer.counted.push(value);
}

function forgetFrom(writer: Writer, value: number): void {
  while ((writer.counted.at(-1) ?? -1) >= value) {
    writer.counted.pop();
    writer.lostCounts += 1;
  }
}

/** True when there is somewhere else to go at once. */
function follow(writer: Writer, route: Route, { message }: RespError): boolean {
  const moved = /^MOVED \d+ (\S+):(\d+)$/.exec(message);
  const to: Address | null = moved ? { address: moved[1]!, port: Number(moved[2]) } : null;
  if (!to || !route.moved(to)) return false;
  writer.client?.close();
  writer.client = null;
  return true;
}

async function reconnect(writer: Writer, route: Route): Promise<RespClient | null> {
  const target = route.current();
  try {
    writer.client = await connectResp(target);
    return writer.client;
  } catch {
    route.failed(target);
    writer.client = null;
    return null;
  }
}

async function withClient<T>(target: Address, work: (client: RespClient) => Promise<T>): Promise<T> {
  const client = await connectResp(target);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

async function verifyAll(
  client: RespClient,
  writers: readonly Writer[],
  prefix: string,
): Promise<Verification> {
  let [lost, wrong] = [0, 0];
  const examples: string[] = [];
  for (const writer of writers) {
    const acknowledged = keysOf(writer).filter((write) => !writer.refused.has(write));
    for (const writes of chunks(acknowledged)) {
      const values = (await client.ask('MGET', ...writes.map((write) => keyOf(prefix, writer, write)))) as (
        | string
        | null
      )[];
      for (const [index, value] of values.entries()) {
        const write = writes[index]!;
        if (value === textOf(prefix, writer, write)) continue;
        if (value === null) lost += 1;
        else wrong += 1;
        if (examples.length < 20) examples.push(keyOf(prefix, writer, write));
      }
    }
    const held = Number((await client.ask('GET', counterOf(prefix, writer))) ?? 0);
    forgetFrom(writer, held + 1);
    if (writer.lostCounts > 0 && examples.length < 20) examples.push(counterOf(prefix, writer));
    lost += writer.lostCounts;
  }
  return { acknowledged: sum(writers.map((writer) => writer.acknowledged)), lost, wrong, examples };
}

async function clearAll(client: RespClient, writers: readonly Writer[], prefix: string): Promise<void> {
  for (const writer of writers) {
    await client.ask('UNLINK', counterOf(prefix, writer));
    for (const writes of chunks(keysOf(writer)))
      await client.ask('UNLINK', ...writes.map((write) => keyOf(prefix, writer, write)));
  }
}

const keysOf = (writer: Writer): number[] =>
  Array.from({ length: writer.next }, (_, write) => write).filter((write) => !isCount(write));

function* chunks(numbers: readonly number[]): Iterable<readonly number[]> {
  for (let at = 0; at < numbers.length; at += readAtOnce) yield numbers.slice(at, at + readAtOnce);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
