/** The slow log of a node: a ring in the engine's memory (`slowlog-max-len`), which numbers its entries from 0 with each start. */
import type { SlowLogEntry } from '../../model/log-delivery.ts';
import type { EngineConnection } from './client.ts';

/** Of the entries that came since the last look: more are lost. The engine builds the answer at once, at most 4 KB an entry. */
const entriesMax = 1_000;

/** Characters: a client may call itself whatever it likes. */
const nameMax = 256;

interface SlowLogPart {
  /** The oldest first. */
  readonly entries: readonly SlowLogEntry[];
  /** The number to go on after. */
  readonly last: number;
}

/**
 * The entries after that number (-1: all), without those of clients called `leftOut`. While nothing new has come this costs the engine
 * one small command. Throws what the connection throws.
 */
export async function readSlowLog(
  connection: EngineConnection,
  after: number,
  leftOut: string,
): Promise<SlowLogPart> {
  const [newest] = await get(connection, 1);
  if (!newest || newest.id <= after) return { entries: [], last: after };
  const found = newest.id === after + 1 ? [newest] : await getAfter(connection, after, newest.id);
  const last = found[0]?.id ?? newest.id;
  const entries = found.filter(({ id, clientName }) => id > after && clientName !== leftOut).reverse();
  return { entries, last };
}

/** For what comes between two questions: they are counted from the newest on, and may be slow themselves. */
const slack = 16;

/** Everything after that number, newest first; where the ring or an answer does not reach so far, what there is. */
async function getAfter(
  connection: EngineConnection,
  after: number,
  newest: number,
): Promise<SlowLogEntry[]> {
  for (let last = newest; ; ) {
    const asked = Math.min(last - after + slack, entriesMax);
    const found = await get(connection, asked);
    const oldest = found.at(-1)?.id ?? 0;
    if (oldest <= after + 1 || found.length < asked || asked === entriesMax) return found;
    last = found[0]?.id ?? last;
  }
}

/** Newest first. */
async function get(connection: EngineConnection, count: number): Promise<SlowLogEntry[]> {
  return ((await connection.call('SLOWLOG', 'GET', count)) as unknown[][]).map(parse);
}

function parse([id, timestamp, durationUs, words, clientAddress, clientName]: unknown[]): SlowLogEntry {
  return {
    id: Number(id),
    timestamp: Number(timestamp),
    durationUs: Number(durationUs),
    command: commandOf((words as unknown[]).map(String)),
    clientAddress: String(clientAddress),
    clientName: String(clientName).slice(0, nameMax),
  };
}

/** As ElastiCache shows a command. Of one with more than 32 words the engine keeps 31, and the number of the others. */
function commandOf([name = '', ...rest]: readonly string[]): string {
  const others = /^\.\.\. \((\d+) more arguments\)$/.exec(rest.length === 31 ? (rest.at(-1) as string) : '');
  const count = others ? rest.length - 1 + Number(others[1]) : rest.length;
  return count === 0 ? name : `${name} ... (${count} more arguments)`;
}
