/** Memcached nodes stand alone: each only has to run. Pure. */

import { isConfigured } from '../../../model/node.ts';
import type { Member } from '../view.ts';
import type { ShardDecision } from './decision.ts';

export function decideMemcached(members: readonly Member[]): ShardDecision {
  const acts: ShardDecision['acts'][number][] = [];
  let waiting = 0;
  for (const { node, verdict, isBackingOff } of members) {
    const isDown = verdict === 'dead' || verdict === 'absent';
    if (isDown && isBackingOff) waiting += 1;
    else if (isDown) acts.push({ kind: 'start', node: node.incarnation, follow: null });
    // A node that hangs serves nobody, and what it holds is only a cache: it is replaced by an empty one.
    else if (verdict === 'hung') acts.push({ kind: 'fence', node: node.incarnation });
    else if (node.intent === 'restarting') acts.push({ kind: 'end', node: node.incarnation });
    else if (verdict === 'unresponsive') waiting += 1;
    else if (!isConfigured(node)) acts.push({ kind: 'apply-config', node: node.incarnation });
  }
  if (acts.length > 0)
    return { sentence: `${acts.length} nodes are started, stopped or configured`, acts, isSettled: false };
  if (waiting > 0) return { sentence: `${waiting} nodes do not answer at present`, acts, isSettled: false };
  return { sentence: 'every node answers', acts, isSettled: true };
}
