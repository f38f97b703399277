/** Where an engine keeps its files, set again while it runs. */
import type { EngineConnection } from './client.ts';
import { EngineReplyError } from './engine-errors.ts';

/**
 * The engine works in this folder from now on, which exists. Throws what the engine says. `isCluster`: its nodes.conf is
 * written there.
 */
export async function setFolder(
  connection: EngineConnection,
  folder: string,
  { isCluster }: { readonly isCluster: boolean },
): Promise<void> {
  await connection.call('CONFIG', 'SET', 'dir', folder);
  if (isCluster) await connection.call('CLUSTER', 'SAVECONFIG');
}

/** The append-only file is begun anew from what the engine holds, in the background. One that is under way is as good. */
export async function rewriteAppendOnlyFile(connection: EngineConnection): Promise<void> {
  try {
    await connection.call('BGREWRITEAOF');
  } catch (error) {
    if (!(error instanceof EngineReplyError && /already in progress/.test(error.message))) throw error;
  }
}
