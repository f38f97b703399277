/** How far each log of a node has been delivered: a file beside the node's own, which goes with the node. */
import { join } from 'node:path';
import type { LogType } from '../../model/log-delivery.ts';
import type { NodeRuntime } from '../../runtime/contract.ts';
import type { LogPosition } from './source.ts';

const fileName = 'log-positions.json';

interface Positions {
  /** Null when nothing is recorded, or nothing that can be read: then some may be delivered twice. */
  read(incarnation: string, logType: LogType): Promise<LogPosition | null>;
  /** A node that is gone has none. Throws what the file system says otherwise. */
  write(incarnation: string, logType: LogType, position: LogPosition | null): Promise<void>;
  /** Nothing is delivered from that node any more, for now: what is recorded stays where it is. */
  forget(incarnation: string): void;
}

type Recorded = Readonly<Partial<Record<LogType, LogPosition>>>;

export function createPositions({
  files,
  directoryOf,
}: Pick<NodeRuntime, 'files' | 'directoryOf'>): Positions {
  const pathOf = (incarnation: string) => join(directoryOf(incarnation), fileName);
  const known = new Map<string, Recorded>();

  async function recorded(incarnation: string): Promise<Recorded> {
    const one = known.get(incarnation);
    if (one) return one;
    const text = await files.read(pathOf(incarnation)).catch(() => '{}');
    // Its other log may have been recorded meanwhile.
    const read = known.get(incarnation) ?? parse(text);
    known.set(incarnation, read);
    return read;
  }

  return {
    async read(incarnation, logType) {
      return (await recorded(incarnation))[logType] ?? null;
    },
    async write(incarnation, logType, position) {
      const { [logType]: before, ...others } = await recorded(incarnation);
      const next: Recorded = { ...others, ...(position ? { [logType]: position } : {}) };
      known.set(incarnation, next);
      try {
        // Not forced to the disk: what a power cut takes back is delivered twice.
        await files.write(pathOf(incarnation), JSON.stringify(next), { durable: false });
      } catch (error) {
        known.delete(incarnation);
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    },
    forget: (incarnation) => void known.delete(incarnation),
  };
}

function parse(text: string): Recorded {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
