/**
 * Members that a node of their cluster does not know any more: somebody had it forget them, as a stranger that was in the
 * cluster can do. By its word their slots would be nobody's. Valkey's newer engines tell each other for 60 s whom to forget: so long it
 * does not last.
 */
import type { EngineConnection } from '../../engines/valkey/client.ts';
import { readEpochs } from '../../engines/valkey/cluster-view.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { busPortOf } from '../../fleet/launch.ts';
import type { CacheNode } from '../../model/node.ts';

/** One without an epoch has yet to claim its slots, or to follow: it is introduced then. May be repeated. */
export async function introduceAgain(
  { connections, log }: Fleet,
  node: CacheNode,
  connection: EngineConnection,
  members: readonly CacheNode[],
): Promise<void> {
  for (const member of members) {
    const { cacheClusterId, address, port } = member;
    const epochs = await connections
      .of(member)
      .then(readEpochs)
      .catch(() => null);
    if (!epochs || epochs.own === 0) continue;
    log.info(`${node.cacheClusterId} did not know ${cacheClusterId}, which is introduced to it`);
    await connection.call('CLUSTER', 'MEET', address, port, busPortOf(port));
  }
}
