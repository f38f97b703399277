/** Finds out whether a replica holds everything that its primary acknowledged, and records it. */
import { readInfo } from '../../../engines/valkey/info.ts';
import { confirmSynced } from '../../../engines/valkey/replication.ts';
import { updateNode } from '../../../fleet/start-node.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { withRunId } from '../record.ts';
import { recovered } from '../recovery.ts';

/** How long is waited: enough for a full synchronisation's last moments; the next pass looks again. */
export const confirmDeadlineMs = 1_000;

export async function confirmReplica(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
  primary: CacheNode,
): Promise<void> {
  const connection = await context.fleet.connections.of(primary);
  const confirmed = await confirmSynced(connection, [node], confirmDeadlineMs);
  if (confirmed.length === 0) return;
  if (facts.view.durability !== 'disabled' && !(await isOnDisk(context, node))) return;
  await recovered(context, node);
  const engine = facts.view.members.find((member) => member.node.incarnation === node.incarnation)?.engine;
  await updateNode(context.fleet, node.incarnation, (row) => ({
    ...withRunId(row, node, engine ?? null),
    synced: true,
    role: 'replica',
  }));
}

/**
 * After a full sync a replica writes its append-only file anew, and until that is whole a start finds nothing of what
 * it acknowledges: it must not lead where acknowledged means kept.
 */
export async function isOnDisk({ fleet }: ShardContext, node: CacheNode): Promise<boolean> {
  const connection = await fleet.connections.of(node);
  const deadline = fleet.clock.monotonic() + confirmDeadlineMs;
  for (;;) {
    const { fields } = await readInfo(connection);
    const isWriting =
      fields.get('aof_rewrite_in_progress') !== '0' || fields.get('aof_rewrite_scheduled') !== '0';
    if (!isWriting) return fields.get('aof_last_bgrewrite_status') === 'ok';
    if (fleet.clock.monotonic() > deadline) return false;
    await fleet.clock.delay(10);
  }
}
