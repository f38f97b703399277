/** Who listens where, by the kernel's own account: /proc/net/tcp names the socket, /proc/PID/fd who holds it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Inode of the socket that listens at this IPv4 address and port; null when nobody does. */
export function listenerAt(address: string, port: number): string | null {
  // Little-endian hex: 127.0.0.1:6379 is 0100007F:18EB. State 0A is LISTEN.
  const octets = address.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  const local = `${octets.reverse().join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === local && fields[3] === '0A') return fields[9] ?? null;
  }
  return null;
}

/** True when this process holds the socket that listens there. */
export function servesItself(pid: number, address: string, port: number): boolean {
  const inode = listenerAt(address, port);
  return inode !== null && socketsOf(pid).includes(inode);
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return []; // closed meanwhile
    }
  });
}
