/** Who replicates whom, and when a replica may be trusted. Every step may be repeated. */
import type { Command, EngineConnection } from './client.ts';
import type { NodeAddress } from './config-file.ts';
import { EngineReplyError } from './engine-errors.ts';
import { type DownstreamReplica, type EngineInfo, parseInfo, readInfo } from './info.ts';

/** Cluster mode disabled. The engine empties the node when its history differs from the primary's. */
export async function replicateFrom(connection: EngineConnection, primary: NodeAddress): Promise<void> {
  await connection.call('REPLICAOF', primary.address, primary.port);
}

/** Cluster mode disabled: the node leads from here on; its former siblings can follow it without a full sync. */
export async function promote(connection: EngineConnection): Promise<void> {
  await connection.call('REPLICAOF', 'NO', 'ONE');
}

/** The replica has no usable copy yet: it is loading, receiving, or has never been connected. */
export function isSyncing(info: EngineInfo): boolean {
  return info.isLoading || info.isSyncing || (info.upstream !== null && info.upstream.downSeconds === -1);
}

/**
 * Waits until these replicas hold what the primary held when asked, and follow its stream. Gives those of them for
 * which that is proven by the deadline: not yet proven is no error.
 *
 * Link up and `state=online` prove nothing: a diskless sync shows both up to 1 s before the stream is opened, and
 * promoting then lost tens of thousands of acknowledged writes. WAIT alone proves nothing either: Valkey 9 counts from
 * the last write of the *asking* connection, and one that never wrote is told "all of them" at once. What proves it is
 * an acknowledgement, above zero, of an offset that the primary had already reached: the stream opens before the
 * first of them counts. The primary must have written something for that, so a blocked WAIT on a connection beside
 * makes it write `REPLCONF GETACK`, which touches no data.
 */
export async function confirmSynced(
  primary: EngineConnection,
  replicas: readonly NodeAddress[],
  deadlineMs: number,
): Promise<NodeAddress[]> {
  const { clock } = primary;
  const deadline = clock.monotonic() + deadlineMs;
  const mark = Math.max(1, (await readInfo(primary)).offset);
  let nudger: Nudger | undefined;
  try {
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 1.3, 50)) {
      const [reply] = await primary.pipeline([['INFO', 'replication'], ...(nudger?.again() ?? [])]);
      if (reply instanceof EngineReplyError) throw reply;
      const seen = parseInfo(String(reply)).replicas;
      const confirmed = replicas.filter((replica) => hasAcknowledged(find(seen, replica), mark));
      if (confirmed.length === replicas.length || clock.monotonic() >= deadline) return confirmed;
      if (!nudger && replicas.some((replica) => find(seen, replica)?.state === 'online'))
        nudger = await createNudger(primary);
      await clock.delay(pauseMs);
    }
  } finally {
    nudger?.close();
  }
}

function find(
  seen: readonly DownstreamReplica[],
  { address, port }: NodeAddress,
): DownstreamReplica | undefined {
  return seen.find((replica) => replica.address === address && replica.port === port);
}

function hasAcknowledged(replica: DownstreamReplica | undefined, mark: number): boolean {
  return replica !== undefined && replica.state === 'online' && replica.offset >= mark;
}

interface Nudger {
  /** Commands for the first connection that make the primary ask its replicas once more. */
  again(): readonly Command[];
  close(): void;
}

async function createNudger(primary: EngineConnection): Promise<Nudger> {
  const beside = await primary.another();
  const id = Number(await beside.call('CLIENT', 'ID'));
  let isClosed = false;
  // 1000: more replicas than there ever are, so that it blocks; a whole minute, since `again` ends it before.
  const ask = async (): Promise<void> => {
    while (!isClosed) await beside.callWithin(60_000, 'WAIT', 1000, 60_000);
  };
  ask().catch(() => {}); // closed, or the primary is gone: the first connection shows which
  return {
    again: () => [['CLIENT', 'UNBLOCK', id]],
    close() {
      isClosed = true;
      beside.close();
    },
  };
}
