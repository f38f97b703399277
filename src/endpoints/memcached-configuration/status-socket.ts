/** How the server is known from outside: a lock that only one can hold, and a socket that tells its status. */
import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const lockFile = 'server.lock';
const socketFile = 'server.sock';
const socketLookMs = 1_000;
/** The kernel's bound for a socket's path (`sun_path`), with its closing zero. */
const socketPathBytesMax = 107;
/** A status is a few hundred bytes for each endpoint. */
const statusBytesMax = 16 * 1024 * 1024;

/**
 * Takes the state directory for this process: an exclusive SQLite lock on a file of its own, which the kernel
 * drops with the process, however it dies. Returns how to drop it, or undefined when another process holds it.
 */
export function lockStateDirectory(directory: string): (() => void) | undefined {
  const database = new DatabaseSync(join(directory, lockFile), { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return () => database.close();
  } catch (error) {
    database.close();
    // SQLITE_BUSY is what is expected here; anything else (no room, no right) must be seen.
    if ((error as { errcode?: number }).errcode === 5) return undefined;
    throw error;
  }
}

/**
 * Tells the status to whoever connects. Only for the holder of the lock: it replaces a socket left behind, and makes
 * a new one when somebody deleted it, since a server that cannot be probed would be taken for dead, and its
 * successor could not start. Returns how to end it.
 */
export function serveStatus(directory: string, status: () => unknown): () => void {
  let server = listenForStatus(directory, status);
  const timer = setInterval(() => {
    if (existsSync(join(directory, socketFile))) return;
    server.close();
    server = listenForStatus(directory, status);
  }, socketLookMs);
  return () => {
    clearInterval(timer);
    server.close();
  };
}

function listenForStatus(directory: string, status: () => unknown): Server {
  rmSync(join(directory, socketFile), { force: true });
  const server = createServer((client) => {
    client.on('error', () => client.destroy());
    client.end(JSON.stringify(status()));
  });
  const socket = socketPath(directory);
  server.on('listening', socket.release);
  // No room, or no right: the next look tries again.
  server.on('error', socket.release);
  server.listen(socket.path);
  return server;
}

/** The text that the server of this directory tells; undefined when none answers within `deadlineMs`. */
export function askStatus(directory: string, deadlineMs: number): Promise<string | undefined> {
  const address = socketPath(directory);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(address.path);
    const finish = (result: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      address.release();
      resolve(result);
    };
    const timer = setTimeout(() => finish(undefined), deadlineMs);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > statusBytesMax) finish(undefined);
    });
    socket.on('error', () => finish(undefined));
    socket.on('end', () => finish(text));
  });
}

/** A long path is reached through a descriptor of its directory, whose name under /proc is short. */
function socketPath(directory: string): { path: string; release: () => void } {
  const path = join(directory, socketFile);
  if (Buffer.byteLength(path) <= socketPathBytesMax) return { path, release: () => {} };
  let descriptor: number | undefined;
  try {
    descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    // When there is no such directory, connecting to the path fails and says so.
    return { path: '/proc/self/fd/none', release: () => {} };
  }
  return {
    path: `/proc/self/fd/${descriptor}/${socketFile}`,
    release() {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}
