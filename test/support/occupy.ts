/** A program of somebody else that listens at an address, so that a node cannot. */
import { createServer, type Server } from 'node:net';
import type { TestContext } from 'node:test';
import { eventually } from './eventually.ts';

export interface Occupation {
  /** The address is free again. */
  end(): Promise<void>;
}

/** As soon as the address is free; until the end of the test, or `end`. */
export async function occupy(t: TestContext, address: string, port: number): Promise<Occupation> {
  const server = await eventually(() => listenAt(address, port), { deadlineMs: 5_000, intervalMs: 1 });
  const end = () => new Promise<void>((resolve) => void server.close(() => resolve()));
  t.after(end);
  return { end };
}

/** Rejects while somebody listens there. */
export function listenAt(address: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve(server));
  });
}
