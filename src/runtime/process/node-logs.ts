/**
 * What a node writes, bounded: a client can make an engine log 100 MB a second (`redis.log` in a loop). Engines write into
 * a pipe, and Limber copies what comes out of it to `engine.log`, at a limited rate and into files of a limited size. A write into a full
 * pipe is refused, so that a node never waits for Limber: while there is none, the first 64 KiB are kept and the rest is
 * lost (measured: no engine is slower for it than it is with a file).
 */
import { closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { appendFile, rename, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../platform/log.ts';
import { engineLogName } from '../contract.ts';
import { pipeName } from './output-pipes.ts';

/** An engine writes some lines a day, and 20 KB when it crashes. One file before is kept. */
const fileBytesMax = 4 * 2 ** 20;
const secondBytesMax = 256 * 2 ** 10;
/** For the rest of what an engine wrote before its end. A fork of it can hold the pipe open. */
const restDeadlineMs = 500;

export interface NodeOutput {
  /** For the standard output and error of the process that is to be spawned. */
  readonly descriptor: number;
  /** At once after the spawn: what the process writes never makes it wait. Throws when that cannot be had. */
  spawned(): void;
  /** Nothing was spawned. */
  abandon(): void;
}

export interface NodeLogs {
  /** Before a spawn. Throws what the file system says. */
  open(directory: string): NodeOutput;
  /** A process that an earlier Limber has started. One that writes into files is left as it is. */
  attach(directory: string, pid: number): void;
  /** Resolves when all that a dead process has written stands in its log. */
  rest(directory: string): Promise<void>;
  close(): void;
}

interface Reader {
  readonly socket: Socket;
  readonly ended: Promise<void>;
}

export function createNodeLogs(log: Log): NodeLogs {
  const readers = new Map<string, Reader>();

  function read(directory: string, descriptor: number): void {
    readers.get(directory)?.socket.destroy();
    const socket = new Socket({ fd: descriptor, readable: true, writable: false });
    socket.unref();
    const ended = copy(socket, directory).catch((error: unknown) => {
      log.debug('the output of a node is not read any more', { directory, error });
    });
    readers.set(directory, { socket, ended });
  }

  return {
    open(directory) {
      const path = join(directory, pipeName);
      // To read and write: to open it for writing alone is refused as long as nobody reads.
      const shared = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
      let own: number;
      try {
        own = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      } catch (error) {
        closeSync(shared);
        throw error;
      }
      return {
        descriptor: shared,
        spawned() {
          // The spawn made it blocking for both of us; to wrap it undoes that, for as long as the process has it.
          const wrapped = new Socket({ fd: shared, readable: false, writable: true });
          const isSafe = isNonBlocking(shared);
          wrapped.destroy();
          read(directory, own);
          if (!isSafe) throw new Error(`a process in ${directory} would wait for whoever reads its output`);
        },
        abandon() {
          closeSync(shared);
          closeSync(own);
        },
      };
    },
    attach(directory, pid) {
      // Its own end rather than the name: the directory may be gone.
      const path = `/proc/${pid}/fd/1`;
      try {
        if (!statSync(path).isFIFO()) return;
        read(directory, openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
      } catch (error) {
        log.warn('the output of a node cannot be read', { directory, pid, error });
      }
    },
    async rest(directory) {
      const reader = readers.get(directory);
      if (reader) await Promise.race([reader.ended, delay(restDeadlineMs, undefined, { ref: false })]);
    },
    close() {
      for (const { socket } of readers.values()) socket.destroy();
    },
  };
}

function isNonBlocking(descriptor: number): boolean {
  const text = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1');
  return (Number.parseInt(/^flags:\s*([0-7]+)/m.exec(text)?.[1] ?? '', 8) & constants.O_NONBLOCK) !== 0;
}

/** Ends with the last process that has the pipe. */
async function copy(socket: Socket, directory: string): Promise<void> {
  const path = join(directory, engineLogName);
  let [since, bytes] = [performance.now(), 0];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    // A full disk or a directory that is gone loses lines, and nothing else.
    await write(path, chunk).catch(() => {});
    bytes += chunk.length;
    const waitMs = 1_000 - (performance.now() - since);
    if (bytes >= secondBytesMax && waitMs > 0) {
      await delay(waitMs, undefined, { ref: false });
      const note = `# more than ${secondBytesMax} bytes a second: some of what it wrote here is lost\n`;
      await write(path, Buffer.from(note)).catch(() => {});
    }
    if (bytes >= secondBytesMax || waitMs <= 0) [since, bytes] = [performance.now(), 0];
  }
}

async function write(path: string, chunk: Buffer): Promise<void> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size > fileBytesMax) await rename(path, `${path}.1`);
  await appendFile(path, chunk, { mode: 0o600 });
}
