/** Talking to a node within an act's time. */
import type { EngineConnection } from '../engines/valkey/client.ts';
import type { NodeAddress } from '../fleet/connections.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { requireTime, untilAborted } from '../platform/until-aborted.ts';

/** The node's control connection. Once the signal aborts nothing is sent by it any more, and nothing is waited for. */
export async function connectionTo(
  { connections }: Pick<Fleet, 'connections'>,
  node: NodeAddress,
  signal: AbortSignal,
): Promise<EngineConnection> {
  const where = `${node.address}:${node.port}`;
  const connection = await untilAborted(signal, connections.of(node), `connecting to ${where}`);
  const within = <T>(what: string, send: () => Promise<T>): Promise<T> => {
    requireTime(signal, what);
    return untilAborted(signal, send(), what);
  };
  return {
    ...connection,
    get isOpen() {
      return connection.isOpen;
    },
    call: async (command, ...args) =>
      within(`${command} on ${where}`, () => connection.call(command, ...args)),
    callWithin: async (deadlineMs, command, ...args) =>
      within(`${command} on ${where}`, () => connection.callWithin(deadlineMs, command, ...args)),
    pipeline: async (commands) =>
      within(`${commands.length} commands on ${where}`, () => connection.pipeline(commands)),
    another: async () => within(`connecting to ${where}`, () => connection.another()),
  };
}
