/** Who leads a shard of a cluster. Every step may be repeated. */
import type { EngineConnection } from './client.ts';

/**
 * To a replica whose primary is alive: the two agree, clients wait 9-39 ms, and no acknowledged write is lost. Answers
 * at once; it is done when the node's role is `primary`. Not sooner than 5 s after an attempt that came to nothing, for
 * each call starts the attempt anew.
 */
export async function switchOver(replica: EngineConnection): Promise<void> {
  await replica.call('CLUSTER', 'FAILOVER');
}

/**
 * To a replica whose primary is dead, and was seen dead. `vote`: a majority of the primaries agrees, 8-33 ms; safer
 * while there is one. `alone`: nobody is asked, 5-60 ms; when there is no majority. Answers at once, as above.
 */
export async function failOver(replica: EngineConnection, how: 'vote' | 'alone'): Promise<void> {
  await replica.call('CLUSTER', 'FAILOVER', how === 'vote' ? 'FORCE' : 'TAKEOVER');
}

/** Makes a node (blank, or a replica) follow the primary of that id, which it must know already. */
export async function followPrimary(connection: EngineConnection, primaryId: string): Promise<void> {
  await connection.call('CLUSTER', 'REPLICATE', primaryId);
}

/** Makes one node forget another; all must within 60 s, or gossip brings it back. */
export async function forgetMember(connection: EngineConnection, id: string): Promise<void> {
  await connection.call('CLUSTER', 'FORGET', id);
}
