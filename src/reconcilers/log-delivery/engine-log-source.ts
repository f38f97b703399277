/** The engine's own log, from the bounded file into which Limber copies what a node writes (decision 0018); also of a node that is down. */
import { join } from 'node:path';
import { parseLogLines } from '../../engines/valkey/log-lines.ts';
import { withoutSecrets } from '../../model/hidden-secrets.ts';
import { engineLogEvent } from '../../model/log-delivery.ts';
import type { CacheNode } from '../../model/node.ts';
import type { Clock } from '../../platform/clock.ts';
import { engineLogName, type NodeRuntime } from '../../runtime/contract.ts';
import type { LogPart, LogPosition, ReadLog } from './source.ts';

/** A part is held in memory while it is delivered. */
const partBytesMax = 256 * 2 ** 10;

type NodeFiles = Pick<NodeRuntime, 'files' | 'directoryOf'>;

/** A file is known by when it was made, since it is renamed when the next one begins. */
interface LogFile {
  readonly path: string;
  readonly bornAt: number;
  readonly bytes: number;
}

interface Place {
  readonly file: LogFile;
  readonly from: number;
  /** Nothing more will be written there. */
  readonly isEnded: boolean;
}

export const engineLogSource =
  ({ runtime, clock }: { readonly runtime: NodeFiles; readonly clock: Clock }): ReadLog =>
  async (node, { since, format }, position): Promise<LogPart> => {
    const path = join(runtime.directoryOf(node.incarnation), engineLogName);
    const [current, before] = await Promise.all([look(runtime, path), look(runtime, `${path}.1`)]);
    if (!current) return { events: [], next: position ?? {}, hasMore: false };
    // A file that was there before anybody asked has a past that nobody asked for.
    const start: LogPosition = position ?? {
      file: current.bornAt,
      offset: current.bornAt >= since ? 0 : current.bytes,
    };
    const { file, from, isEnded } = placeOf(start, current, before);
    const bytes = await runtime.files.readPart(file.path, from, Math.min(partBytesMax, file.bytes - from));
    const end = endOfLines(bytes, isEnded);
    const lines = withoutSecrets(bytes.toString('utf8', 0, end))
      .split('\n')
      .filter((line) => line !== '');
    const entries = parseLogLines(lines, { role: roleOf(node), level: '*', at: clock.now() });
    const isAtEnd = isEnded && from + end >= file.bytes;
    return {
      events: entries.map((entry) => engineLogEvent(entry, node, format)),
      next: isAtEnd ? { file: current.bornAt, offset: 0 } : { file: file.bornAt, offset: from + end },
      hasMore: isEnded || bytes.length === partBytesMax,
    };
  };

/** The beginning of the last whole lines, as much as a part has at most. Null when the node has logged nothing yet. */
export async function endOfEngineLog(runtime: NodeFiles, node: CacheNode): Promise<LogPosition | null> {
  const current = await look(runtime, join(runtime.directoryOf(node.incarnation), engineLogName));
  if (!current) return null;
  const from = Math.max(0, current.bytes - partBytesMax);
  if (from === 0) return { file: current.bornAt, offset: 0 };
  const bytes = await runtime.files.readPart(current.path, from, partBytesMax);
  return { file: current.bornAt, offset: from + bytes.indexOf(10) + 1 };
}

/** In the present file, in the one before when it was not read to its end, else at the beginning of what there is. */
function placeOf(position: LogPosition, current: LogFile, before: LogFile | null): Place {
  const from = Number(position.offset);
  if (position.file === current.bornAt)
    return { file: current, from: Math.min(from, current.bytes), isEnded: false };
  if (!before) return { file: current, from: 0, isEnded: false };
  const isInIt = position.file === before.bornAt;
  return { file: before, from: isInIt ? Math.min(from, before.bytes) : 0, isEnded: true };
}

/** Behind the last whole line; of one that is longer than a part, or that nobody will end, behind what there is. */
function endOfLines(bytes: Buffer, isEnded: boolean): number {
  const end = bytes.lastIndexOf(10) + 1;
  return end > 0 || !(isEnded || bytes.length === partBytesMax) ? end : bytes.length;
}

const roleOf = ({ role }: CacheNode): string => (role === 'replica' ? 'S' : 'M');

async function look({ files }: NodeFiles, path: string): Promise<LogFile | null> {
  try {
    const { bornAt, bytes } = await files.look(path);
    return { path, bornAt, bytes };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
