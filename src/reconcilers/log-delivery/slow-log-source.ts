/** The slow log, from the engine. What does not fit into the engine's ring between two looks is lost. */
import { readSlowLog } from '../../engines/valkey/slow-log.ts';
import { type Connections, controlClientName } from '../../fleet/connections.ts';
import { slowLogEvent } from '../../model/log-delivery.ts';
import type { NodeHandle } from '../../model/node.ts';
import type { ReadLog } from './source.ts';

export const slowLogSource =
  (connections: Connections): ReadLog =>
  async (node, { since, format }, position) => {
    if (!node.handle) return { events: [], next: position ?? {}, hasMore: false };
    const process = processOf(node.handle);
    const after = position?.process === process ? Number(position.id) : -1;
    const connection = await connections.of(node);
    const { entries, last } = await readSlowLog(connection, after, controlClientName);
    // What was slow before anybody asked is left where it is. The engine's clock counts seconds.
    const asked = entries.filter(({ timestamp }) => timestamp >= Math.floor(since / 1_000));
    return {
      events: asked.map((entry) => slowLogEvent(entry, node, format)),
      next: { process, id: last },
      hasMore: false,
    };
  };

/** Entries are counted anew with each process. */
const processOf = ({ bootId, pid, startTime }: NodeHandle): string => `${bootId} ${pid} ${startTime}`;
