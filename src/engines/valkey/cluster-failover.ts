/** Changes who leads a shard of a cluster. Every step may be repeated, with the exceptions that stand at it. */
import type { EngineConnection } from './client.ts';
import { readMembers } from './cluster-view.ts';

/**
 * Hands the shard over to a replica while its primary is alive: the two agree, clients wait 9-39 ms, and no
 * acknowledged write is lost. True: it has begun, and is done when the replica's role is `primary`; ask again not
 * sooner than 5 s later, for each request starts the attempt anew. False: nothing was begun, because the primary does
 * not count this replica among its own yet and would let the attempt run out (gossip: up to half the node timeout).
 */
export async function switchOver(primary: EngineConnection, replica: EngineConnection): Promise<boolean> {
  const [known, self] = await Promise.all([readMembers(primary), replica.call('CLUSTER', 'MYID')]);
  const leader = known.find((member) => member.isMyself);
  const follower = known.find((member) => member.id === self);
  if (!leader || follower?.primaryId !== leader.id || !follower.isConnected) return false;
  await replica.call('CLUSTER', 'FAILOVER');
  return true;
}

/**
 * Makes a replica lead whose primary is dead, and was seen dead. `vote`: a majority of the primaries agrees, 8-33 ms; safer
 * while there is one. `alone`: nobody is asked, 5-60 ms; when there is no majority. Done when its role is `primary`; a
 * vote may be asked for again after 5 s.
 */
export async function failOver(replica: EngineConnection, how: 'vote' | 'alone'): Promise<void> {
  await replica.call('CLUSTER', 'FAILOVER', how === 'vote' ? 'FORCE' : 'TAKEOVER');
}

/**
 * Makes a node (blank, or a replica) follow the primary of that id, which it must know already. Nothing is sent when
 * it does: Redis 7.0 and Valkey 8.0 would drop the link and begin anew.
 */
export async function followPrimary(connection: EngineConnection, primaryId: string): Promise<void> {
  const self = (await readMembers(connection)).find((member) => member.isMyself);
  if (self?.primaryId !== primaryId) await connection.call('CLUSTER', 'REPLICATE', primaryId);
}

/** Makes one node forget another; all must within 60 s, or gossip brings it back. */
export async function forgetMember(connection: EngineConnection, id: string): Promise<void> {
  const isKnown = (await readMembers(connection)).some((member) => member.id === id);
  if (isKnown) await connection.call('CLUSTER', 'FORGET', id);
}
