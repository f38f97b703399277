/**
 * Addresses that a node listens on. Moving a stable endpoint is `CONFIG SET bind` on both nodes: 0.6-1 ms.
 * Each change closes and reopens **all** listeners of the client port, the node's own too: whoever connects in that
 * instant is refused, which is never proof of death. Open connections live on, also those on an address given up
 * (`cutConnections` ends them). The bus port of a cluster node is not touched.
 */
import type { EngineConnection } from './client.ts';
import { EngineReplyError } from './engine-errors.ts';

/**
 * Listens on exactly these; the first is the node's own address. May be repeated. When one of them is held by another
 * process, throws `EngineReplyError` and nothing has changed.
 */
export async function setBindings(connection: EngineConnection, addresses: readonly string[]): Promise<void> {
  if (addresses[0] !== connection.address)
    throw new Error(
      `a node always listens on its own address first: ${connection.address}, not ${addresses[0]}`,
    );
  await connection.call('CONFIG', 'SET', 'bind', addresses.join(' '));
}

/**
 * `setBindings`, again each millisecond while another process still holds an address: a killed process is dead
 * before the kernel has closed its sockets (0.15 s per GiB). Throws the last refusal when the deadline has passed.
 */
export async function takeBindings(
  connection: EngineConnection,
  addresses: readonly string[],
  deadlineMs: number,
): Promise<void> {
  const { clock } = connection;
  const deadline = clock.monotonic() + deadlineMs;
  for (;;) {
    try {
      return await setBindings(connection, addresses);
    } catch (error) {
      if (!(error instanceof EngineReplyError) || clock.monotonic() >= deadline) throw error;
    }
    await clock.delay(1);
  }
}

/** In the order of the last `setBindings`: the node's own address first. */
export async function readBindings(connection: EngineConnection): Promise<string[]> {
  const reply = (await connection.call('CONFIG', 'GET', 'bind')) as string[];
  return (reply[1] ?? '').split(' ').filter((address) => address !== '');
}

/**
 * Ends every client connection that came in by this address, and says how many. Clients of an endpoint that has moved
 * would otherwise go on writing to the old process: that is how acknowledged writes get lost.
 */
export async function cutConnections(
  connection: EngineConnection,
  endpointAddress: string,
  port: number,
): Promise<number> {
  return Number(await connection.call('CLIENT', 'KILL', 'LADDR', `${endpointAddress}:${port}`));
}
