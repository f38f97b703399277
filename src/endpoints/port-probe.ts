/**
 * Asks whether an address and port can be bound, by binding them: that also finds a `0.0.0.0` or `[::]` listener
 * of somebody else, which blocks the port on every address. For node and bus ports before create, and for doctor.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { listDescriptors, listPids, readDescriptor, readProcess } from '../platform/proc.ts';

type PortProbe =
  | 'free'
  /** A sentence without full stop: `0.0.0.0:6379 is held by process 1234 (redis-server)`. */
  | {
      readonly inUse: string;
      readonly holds: 'this-address' | 'every-address' | 'unknown';
      /** Null when /proc does not show whose the socket is: of another user, or in another PID namespace. */
      readonly pid: number | null;
    }
  /** It is not taken, and yet cannot be bound: not an address of this machine, a port below 1024, … */
  | { readonly unusable: string };

export type ProbeAddress = (address: string, port: number) => Promise<PortProbe>;

/** About 0.2 ms, also side by side (measured with 100); some milliseconds more when it is taken, to find out by whom. */
export async function probeAddress(address: string, port: number): Promise<PortProbe> {
  const code = await bindOnce(address, port);
  if (code === null) return 'free';
  if (code === 'EADDRINUSE') return await findHolder(address, port);
  return { unusable: `${address}:${port} cannot be bound: ${reasons[code] ?? code}` };
}

const reasons: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'it is not an address of this machine',
  EACCES: 'this user may not use that port',
  EMFILE: 'Limber has too many files open',
};

/** Null when it worked, else the error's code. */
function bindOnce(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    // Without `exclusive`, a cluster's worker would ask its parent for the socket.
    server.listen({ host, port, exclusive: true, backlog: 1 }, () => server.close(() => resolve(null)));
  });
}

async function findHolder(address: string, port: number): Promise<Exclude<PortProbe, 'free'>> {
  const listener = findListener(address, port);
  if (!listener)
    return {
      inUse: `${address}:${port} is held by a process that /proc does not show`,
      holds: 'unknown',
      pid: null,
    };
  const { host, uid, inode } = listener;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  const pid = await findOwner(inode);
  const name = pid === null ? null : readProcess(pid)?.name;
  const holder = name
    ? `process ${pid} (${name})`
    : `a process of the user with id ${uid}, which /proc does not show`;
  const holds = host === address ? 'this-address' : 'every-address';
  return { inUse: `${shownHost}:${port} is held by ${holder}`, holds, pid };
}

interface Listener {
  readonly host: string;
  readonly uid: string;
  readonly inode: string;
}

/** The listening socket that collides with the address: on it, or on all addresses, of IPv4 or of both. */
function findListener(address: string, port: number): Listener | null {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const hosts = new Map([
    [hexOf(address), address],
    ['00000000', '0.0.0.0'],
    ['00000000000000000000000000000000', '::'],
    [`0000000000000000FFFF0000${hexOf(address)}`, address],
    ['0000000000000000FFFF000000000000', '0.0.0.0'],
  ]);
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const line of readLines(table)) {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
      const [, local = '', , state, , , , uid = '', , inode = ''] = line.trim().split(/\s+/);
      const [hexHost = '', hexLocalPort] = local.split(':');
      const host = hosts.get(hexHost);
      if (state === '0A' && hexLocalPort === hexPort && host !== undefined) return { host, uid, inode };
    }
  return null;
}

/** As the kernel prints it: the four bytes in the machine's order, which is little-endian wherever we run. */
function hexOf(address: string): string {
  const bytes = address.split('.').reverse();
  return bytes.map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0')).join('');
}

/** The process that has the socket open; null when it is of another user and we may not see it. */
async function findOwner(inode: string): Promise<number | null> {
  const link = `socket:[${inode}]`;
  for (const pid of listPids()) {
    await new Promise(setImmediate);
    if (listDescriptors(pid).some((descriptor) => readDescriptor(pid, descriptor) === link)) return pid;
  }
  return null;
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n').slice(1);
  } catch {
    return []; // no IPv6 on this machine
  }
}
