/** Changes who leads a shard of a cluster. Every step may be repeated, with the exceptions that stand at it. */
import type { EngineConnection } from './client.ts';
import { readEpochs, readMembers } from './cluster-view.ts';

/**
 * What keeps a replica from taking the slots of its living primary, for people; null when nothing does: the two know each
 * other, so that the old primary hears of it at once, and no epoch of the old one's can be as high as the new one's. Asked
 * before writers are held back, since it is up to gossip.
 */
export async function whyNotReady(
  primary: EngineConnection,
  replica: EngineConnection,
): Promise<string | null> {
  const [known, self, ofPrimary, ofReplica] = await Promise.all([
    readMembers(primary),
    replica.call('CLUSTER', 'MYID'),
    readEpochs(primary),
    readEpochs(replica),
  ]);
  const follower = known.find((member) => member.id === self);
  if (follower?.health !== 'fine' || !follower.isConnected)
    return `${primary.address} has no link to ${replica.address} yet`;
  if (ofReplica.current < ofPrimary.own)
    return `${replica.address} has not heard of the epoch of ${primary.address} yet`;
  return null;
}

/**
 * Makes a replica lead whose primary was seen dead, or takes no writes and has passed on all. `vote`: a majority of the
 * primaries agrees, 8-33 ms; safer while there is one, but Redis 7.0 and Valkey 8.0 give none to a shard that was voted for
 * within twice the node timeout. `alone`: nobody is asked, 5-60 ms. Done when its role is `primary`; a vote may be asked for
 * again after 5 s.
 */
export async function failOver(replica: EngineConnection, how: 'vote' | 'alone'): Promise<void> {
  await replica.call('CLUSTER', 'FAILOVER', how === 'vote' ? 'FORCE' : 'TAKEOVER');
}

/** By the node's own word the cluster is fit for commands (`cluster_state:ok`). */
export async function isWhole(connection: EngineConnection): Promise<boolean> {
  return /^cluster_state:ok/m.test(String(await connection.call('CLUSTER', 'INFO')));
}

/**
 * Makes a node (blank, or a replica) follow the primary of that id. `unknown`: it has to be introduced first. `not-yet`: it
 * has not heard yet that this one leads. Nothing is sent then, nor when it follows already: Redis 7.0 and Valkey 8.0 would
 * drop the link and begin anew.
 */
export async function followPrimary(
  connection: EngineConnection,
  primaryId: string,
): Promise<'follows' | 'unknown' | 'not-yet'> {
  const members = await readMembers(connection);
  if (members.find((member) => member.isMyself)?.primaryId === primaryId) return 'follows';
  const primary = members.find((member) => member.id === primaryId);
  if (!primary || primary.health === 'joining') return 'unknown';
  if (primary.role === 'replica') return 'not-yet';
  await connection.call('CLUSTER', 'REPLICATE', primaryId);
  return 'follows';
}

/** Makes one node forget another; all must within 60 s, or gossip brings it back. */
export async function forgetMember(connection: EngineConnection, id: string): Promise<void> {
  const isKnown = (await readMembers(connection)).some((member) => member.id === id);
  if (isKnown) await connection.call('CLUSTER', 'FORGET', id);
}
