/**
 * Limber's control connection to a Memcached node: the few text commands that it needs. Requests are answered in
 * the order they were made. A reply that does not come in time ends the connection, because nobody could say to which
 * request a later reply belongs; every call then fails, and the owner connects anew.
 */
import { connect, type Socket } from 'node:net';
import { type MemcachedInfo, parseInfo } from './info.ts';

/** Thrown when a node did not answer, or answered what no Memcached does. The message says which. */
export class MemcachedUnreachable extends Error {
  override readonly name = 'MemcachedUnreachable';
}

/** Thrown when a node refused a request; the message is the node's own sentence. */
export class MemcachedRefused extends Error {
  override readonly name = 'MemcachedRefused';
}

interface MemcachedClientOptions {
  readonly address: string;
  readonly port: number;
  /** For the connection, and for each request; milliseconds. */
  readonly deadlineMs: number;
}

export interface MemcachedClient {
  /** The general statistics. */
  stats(): Promise<MemcachedInfo>;
  /** One group of statistics as the node answers it: `settings`, `items`, `slabs`, `conns` … */
  statsOf(group: string): Promise<ReadonlyMap<string, string>>;
  /** `1.6.45` */
  version(): Promise<string>;
  /** Any other command that is one line and answered by one. The answer. */
  ask(line: string): Promise<string>;
  /** The same; throws `MemcachedRefused` unless the answer is this. */
  command(line: string, answer: string): Promise<void>;
  /** Undefined when there is no such item. */
  get(key: string): Promise<Buffer | undefined>;
  /** Stores without expiry. */
  set(key: string, value: Buffer | string): Promise<void>;
  /** Calls back once when the connection is gone; at once when it is already. Returns an unsubscribe. */
  onClose(listener: () => void): () => void;
  readonly isClosed: boolean;
  /** May be repeated. Requests under way fail. */
  close(): void;
}

interface PendingRequest {
  /** The whole reply's length in `data`; 0 when more must come. */
  readonly replyBytes: (data: Buffer) => number;
  readonly finish: (result: Buffer | Error) => void;
}

/** Replies are small (`stats` is 3 KB, an item of ours below 64 KB); more is no reply to what we ask. */
const replyBytesMax = 4 * 1024 * 1024;

/** Connects. Throws `MemcachedUnreachable` when the node refuses or does not accept in time. */
export async function connectMemcached(options: MemcachedClientOptions): Promise<MemcachedClient> {
  const where = `memcached at ${options.address}:${options.port}`;
  const socket = await open(options, where);
  const pending: PendingRequest[] = [];
  const listeners = new Set<() => void>();
  let received: Buffer = Buffer.alloc(0);

  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (let next = pending[0]; next !== undefined; next = pending[0]) {
      const bytes = next.replyBytes(received);
      if (bytes === 0) break;
      pending.shift();
      next.finish(received.subarray(0, bytes));
      received = received.subarray(bytes);
    }
    // Bytes that nobody asked for would be taken for the next reply.
    if (received.length > (pending.length === 0 ? 0 : replyBytesMax)) socket.destroy();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    for (const request of pending.splice(0)) {
      request.finish(new MemcachedUnreachable(`${where} closed the connection`));
    }
    for (const listener of [...listeners]) listener();
    listeners.clear();
  });

  function request(bytes: Buffer, replyBytes: (data: Buffer) => number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new MemcachedUnreachable(`${where} is not connected`));
        return;
      }
      const finish = (result: Buffer | Error) => {
        clearTimeout(timer);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      const timer = setTimeout(() => {
        finish(new MemcachedUnreachable(`${where} did not answer within ${options.deadlineMs} ms`));
        socket.destroy();
      }, options.deadlineMs);
      pending.push({ replyBytes, finish });
      socket.write(bytes);
    });
  }
  const ask = async (line: string) => String(await request(Buffer.from(`${line}\r\n`), oneLine)).trimEnd();

  async function statsOf(group: string): Promise<ReadonlyMap<string, string>> {
    const reply = await request(Buffer.from(`stats ${group}`.trimEnd().concat('\r\n')), untilEnd);
    const found = new Map<string, string>();
    for (const text of String(reply).split('\r\n')) {
      const [, name, value] = /^STAT (\S+) ?(.*)$/.exec(text) ?? [];
      if (name !== undefined) found.set(name, value ?? '');
    }
    if (found.size === 0 && !String(reply).startsWith('END'))
      throw new MemcachedRefused(String(reply).trimEnd());
    return found;
  }

  return {
    ask,
    async command(line, answer) {
      const reply = await ask(line);
      if (reply !== answer) throw new MemcachedRefused(reply);
    },
    statsOf,
    stats: async () => parseInfo(await statsOf('')),
    async version() {
      const reply = await ask('version');
      if (!reply.startsWith('VERSION ')) throw new MemcachedRefused(reply);
      return reply.slice('VERSION '.length);
    },
    async get(key) {
      checkKey(key);
      const reply = await request(Buffer.from(`get ${key}\r\n`), untilEnd);
      const head = /^VALUE \S+ \d+ (\d+)\r\n/.exec(reply.toString('latin1', 0, 512));
      if (head !== null) return reply.subarray(head[0].length, head[0].length + Number(head[1]));
      if (reply.toString('latin1').startsWith('END')) return undefined;
      throw new MemcachedRefused(String(reply).trimEnd());
    },
    async set(key, value) {
      checkKey(key);
      const data = Buffer.from(value);
      const head = Buffer.from(`set ${key} 0 0 ${data.length}\r\n`);
      const reply = await request(Buffer.concat([head, data, Buffer.from('\r\n')]), oneLine);
      if (String(reply) !== 'STORED\r\n') throw new MemcachedRefused(String(reply).trimEnd());
    },
    onClose(listener) {
      if (socket.destroyed) queueMicrotask(listener);
      else listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get isClosed() {
      return socket.destroyed;
    },
    close: () => socket.destroy(),
  };
}

/** Versions differ in how many lines they answer to a bad key, so it is not sent. */
function checkKey(key: string): void {
  if (!/^[\x21-\x7e]{1,250}$/.test(key)) throw new MemcachedRefused(`not a key: ${JSON.stringify(key)}`);
}

function open(options: MemcachedClientOptions, where: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: options.address, port: options.port, noDelay: true });
    const fail = (reason: string, cause?: Error) => {
      clearTimeout(timer);
      socket.on('error', () => {});
      socket.destroy();
      reject(new MemcachedUnreachable(`${where} ${reason}`, cause === undefined ? {} : { cause }));
    };
    const timer = setTimeout(
      () => fail(`did not accept a connection within ${options.deadlineMs} ms`),
      options.deadlineMs,
    );
    const onError = (error: Error) => fail('refused the connection', error);
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

function oneLine(data: Buffer): number {
  return data.indexOf(0x0a) + 1;
}

/** `STAT` lines or one `VALUE` with its data, up to `END`; or a single line of refusal. */
function untilEnd(data: Buffer): number {
  for (let at = 0; ; ) {
    const end = data.indexOf(0x0a, at);
    if (end === -1) return 0;
    const text = data.toString('latin1', at, end);
    const value = /^VALUE \S+ \d+ (\d+)/.exec(text);
    if (value === null && !text.startsWith('STAT ')) return end + 1;
    at = end + 1 + (value === null ? 0 : Number(value[1]) + 2);
    if (at > data.length) return 0;
  }
}
