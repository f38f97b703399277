/**
 * Keeps the discovery key on one node, for clients that ask nodes by the form of before 1.4.14. A client may
 * overwrite or delete it, `flush_all` or an eviction may take it, a restart loses it: it is back within a refresh.
 *
 * The look is `me` (meta debug): unlike `get` it counts as no hit or miss and moves nothing in the LRU (1.6.45 counts
 * it in `cmd_meta`, which no CloudWatch metric shows). It tells the item's CAS number, which differs from the one of
 * our own write as soon as anybody else wrote. On a node without CAS numbers (`-C`) the key is written at each
 * refresh instead.
 */
import type { Socket } from 'node:net';
import { discoveryKey } from './answers.ts';
import type { ListedNode } from './configuration.ts';
import { dialNode } from './dial.ts';

const requestDeadlineMs = 1_000;
const retryMsMin = 100;
const retryMsMax = 2_000;

export interface NodeKeyStatus {
  readonly host: string;
  readonly port: number;
  /** True when the node had the newest list at the last look. */
  readonly isKept: boolean;
  /** Why not, as a sentence; null while it is kept. */
  readonly problem: string | null;
}

export interface NodeKey {
  /** Something changed: look at once. */
  changed(): void;
  stop(): void;
  status(): NodeKeyStatus;
}

interface NodeKeyOptions {
  readonly node: ListedNode;
  readonly refreshMs: () => number;
  /** The data to keep (`discoveryData`). */
  readonly value: () => Buffer;
}

export function keepNodeKey({ node, refreshMs, value }: NodeKeyOptions): NodeKey {
  const alarm = createAlarm();
  let isStopped = false;
  let socket: Socket | undefined;
  /** Our own last write on this connection. */
  let written: { readonly data: Buffer; readonly cas: string } | undefined;
  let problem: string | null = 'not reached yet';

  async function round(): Promise<void> {
    if (socket === undefined || socket.destroyed) {
      written = undefined;
      socket = await dialNode(node);
      if (socket === undefined) throw new Error('the node does not accept connections');
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', alarm.ring);
    }
    const data = value();
    if (written?.data.equals(data) && written.cas !== '0') {
      const seen = await ask(socket, Buffer.from(`me ${discoveryKey}\r\n`));
      if (/ cas=(\d+)/.exec(seen)?.[1] === written.cas) return;
    }
    const head = Buffer.from(`ms ${discoveryKey} ${data.length} c\r\n`);
    const reply = await ask(socket, Buffer.concat([head, data, Buffer.from('\r\n')]));
    const cas = /^HD c(\d+)/.exec(reply)?.[1];
    if (cas === undefined) throw new Error(`the node answered ${JSON.stringify(reply)} to the write`);
    written = { data, cas };
  }

  async function loop(): Promise<void> {
    let retryMs = retryMsMin;
    while (!isStopped) {
      try {
        await round();
        problem = null;
        retryMs = retryMsMin;
        await alarm.wait(refreshMs());
      } catch (error) {
        // What an answer that comes too late would belong to is unknown: start afresh on a new connection.
        socket?.destroy();
        problem = error instanceof Error ? error.message : String(error);
        await alarm.wait(retryMs);
        retryMs = Math.min(retryMs * 2, retryMsMax);
      }
    }
    socket?.destroy();
  }
  void loop();

  return {
    changed: alarm.ring,
    stop() {
      isStopped = true;
      socket?.destroy();
      alarm.ring();
    },
    status: () => ({ host: node.host, port: node.port, isKept: problem === null, problem }),
  };
}

/** One request, one line of reply (without its line end). Throws when none comes in time. */
function ask(socket: Socket, request: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = '';
    const finish = (error?: Error) => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', onClose);
      if (error === undefined) resolve(seen.slice(0, seen.indexOf('\r\n')));
      else reject(error);
    };
    const onData = (chunk: Buffer) => {
      seen += chunk.toString('latin1');
      if (seen.includes('\n')) finish();
      else if (seen.length > 4096) finish(new Error('the node answered no line'));
    };
    const onClose = () => finish(new Error('the node closed the connection'));
    const timer = setTimeout(() => finish(new Error('the node did not answer in time')), requestDeadlineMs);
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.write(request);
  });
}

/** A sleep that `ring` ends. A ring while nobody sleeps ends the next sleep at once, so that none is missed. */
function createAlarm(): { ring: () => void; wait: (ms: number) => Promise<void> } {
  let hasRung = false;
  let wakeUp: (() => void) | undefined;
  return {
    ring() {
      hasRung = true;
      wakeUp?.();
    },
    wait: (ms) =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          wakeUp = undefined;
          hasRung = false;
          resolve();
        };
        const timer = setTimeout(done, ms);
        wakeUp = done;
        if (hasRung) done();
      }),
  };
}
