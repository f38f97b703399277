/** Whether a node that is made to follow another gets only what it lacks, or is filled anew. Pure. */
import type { EngineFacts } from '../view.ts';

type History = Pick<EngineFacts, 'replicationId' | 'replicationId2' | 'secondOffset' | 'offset'>;

/**
 * True when what the node holds is a part of the primary's own history: it only gets what it lacks, and what was
 * confirmed of it holds on. Without this the new primary would be the only known copy until each sibling is confirmed again.
 */
export function sharesHistory(
  own: History & Pick<EngineFacts, 'isSyncing' | 'isLoading'>,
  leader: History,
): boolean {
  if (own.isSyncing || own.isLoading) return false;
  // A replica whose full sync broke off says 1: it has nothing to continue from, and is filled anew.
  if (own.offset <= 1) return false;
  const isSame = own.replicationId === leader.replicationId && own.offset <= leader.offset;
  return isSame || (own.replicationId === leader.replicationId2 && own.offset < leader.secondOffset);
}
