/** In a cluster the higher epoch is believed. */
import type { EngineConnection } from '../../../engines/valkey/client.ts';

/** The epoch of a node, or of the primary that it follows; 0 of a blank one; null when it does not answer at once. */
export async function epochOf(opening: Promise<EngineConnection>): Promise<number | null> {
  try {
    const info = String(await (await opening).callWithin(500, 'CLUSTER', 'INFO'));
    const [, epoch] = /^cluster_my_epoch:(\d+)/m.exec(info) ?? [];
    return epoch === undefined ? null : Number(epoch);
  } catch {
    return null;
  }
}
