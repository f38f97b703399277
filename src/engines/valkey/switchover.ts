/**
 * The steps of a planned switchover with cluster mode disabled, in their order (no write is lost, clients wait 5-10 ms):
 * `holdWrites` and `refuseWrites` on the old primary → `waitForEqualOffsets` → `promote` the replica → move the
 * endpoint and cut the old connections → `replicateFrom` for the others and the old primary → `acceptWrites` on it.
 * Each may be repeated, and the whole may stop between any two: the old primary refuses writes until `acceptWrites`,
 * so that there are never two that take them.
 */
import type { EngineConnection } from './client.ts';
import { readInfo } from './info.ts';

/** Holds back writing clients for so long, milliseconds; reads go on. Any client can end it by CLIENT UNPAUSE: never rely on it alone. */
export async function holdWrites(primary: EngineConnection, forMs: number): Promise<void> {
  await primary.call('CLIENT', 'PAUSE', forMs, 'WRITE');
}

/** Nodes that were told to refuse writes and have not been seen to accept them again. */
const closed = new WeakSet<EngineConnection>();

/** False while nobody has told the node over this connection to refuse writes, other than for a time that is over. */
export const mayRefuseWrites = (node: EngineConnection): boolean => closed.has(node);

/**
 * Clients that write are refused (NOREPLICAS) until `acceptWrites`, also when the pause has ended. The maximum lag is
 * set too, because the engine ignores the number of replicas when the parameter group says 0 there.
 */
export async function refuseWrites(primary: EngineConnection): Promise<void> {
  closed.add(primary);
  await primary.call('CONFIG', 'SET', 'min-replicas-to-write', 100, 'min-replicas-max-lag', 10);
}

export interface WriteCondition {
  /** `min-replicas-to-write` and `min-replicas-max-lag` of the parameter group; engine defaults 0 and 10. */
  readonly minReplicas: number;
  readonly maxLagSeconds: number;
}

/** Back to what the parameter group says, and waiting clients go on. On a former primary: after it has become a replica. */
export async function acceptWrites(node: EngineConnection, condition: WriteCondition): Promise<void> {
  const { minReplicas, maxLagSeconds } = condition;
  await node.call(
    'CONFIG',
    'SET',
    'min-replicas-to-write',
    minReplicas,
    'min-replicas-max-lag',
    maxLagSeconds,
  );
  await node.call('CLIENT', 'UNPAUSE');
  closed.delete(node);
}

/**
 * True as soon as the replica has applied all that the primary has written, false when the deadline has passed. Says
 * something only while writes are refused, and of a replica that `confirmSynced` has confirmed.
 */
export async function waitForEqualOffsets(
  primary: EngineConnection,
  replica: EngineConnection,
  deadlineMs: number,
): Promise<boolean> {
  const { clock } = primary;
  const deadline = clock.monotonic() + deadlineMs;
  for (;;) {
    // The primary first: what it writes in between can only make the answer "not yet".
    const written = await readInfo(primary);
    const applied = await readInfo(replica);
    const isSameHistory = written.replicationId === applied.replicationId;
    if (isSameHistory && applied.upstream?.isUp && applied.offset >= written.offset) return true;
    if (clock.monotonic() >= deadline) return false;
    await clock.delay(1);
  }
}
