/**
 * What is wrong with the files of a node that is down is found and set aside before it is started, never deleted: a
 * look at their names and sizes each time, at what is in them when the node does not start.
 */
import { filesSetAside, rebuiltEmpty } from '../../../catalog/events.ts';
import { repairDataFiles, setAside } from '../../../fleet/data-files.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { cacheEvent, memberEvent } from '../record.ts';
import { holdsOlderCopy, isDown, type Member } from '../view.ts';
import type { RecentFailures } from './bring-up.ts';

/** Failures in a row before what is in the node's files is looked at. */
const inspectAfter = 2;
/** Failures in a row before a replica gets a fresh directory, and a primary makes way for a living copy. */
const rebuildAfter = 5;

interface Patient {
  readonly node: CacheNode;
  /** Whom it is to follow; null when it is to lead with its files. */
  readonly follow: CacheNode | null;
  readonly before: RecentFailures;
}

/** `decide-anew`: it was to lead with its files and has none any more, so that somebody else may have more to lead with. */
export async function mendFiles(
  context: ShardContext,
  { cache, view }: ShardFacts,
  { node, follow, before }: Patient,
): Promise<'start' | 'decide-anew'> {
  const { fleet } = context;
  const others = view.members.filter((member) => member.node.incarnation !== node.incarnation);
  const copy = others.find(holdsCopy);
  if (view.durability !== 'disabled') {
    const repair = await repairDataFiles(fleet, node, {
      keepWhatCanBeRead: follow === null && !copy,
      isDoubted: before.attempts >= inspectAfter || (before.isDeath && before.attempts > 0),
    });
    if (repair) {
      faultPoint('mend:set-aside');
      const how = repair.isPartial ? `${repair.reason} (what can be read is used)` : repair.reason;
      const isEmpty =
        follow === null && !repair.isPartial && !copy && !others.some(({ data }) => data === 'present');
      await fleet.store.commit([
        memberEvent(context, node, filesSetAside(node.cacheClusterId, repair.aside, how)),
        ...(isEmpty && view.shard.nodeGroupId !== ''
          ? [cacheEvent(context, cache, rebuiltEmpty(view.shard.nodeGroupId))]
          : []),
      ]);
      return repair.isPartial ? 'start' : withoutFiles(context, node, follow);
    }
  }
  const reason = whyGivenUp({ node, follow, before }, copy, view.durability !== 'disabled');
  if (reason === null) return 'start';
  const aside = await setAside(fleet, node);
  faultPoint('mend:set-aside');
  await fleet.store.commit([memberEvent(context, node, filesSetAside(node.cacheClusterId, aside, reason))]);
  return withoutFiles(context, node, follow);
}

/** What made it fail has gone with its files. */
function withoutFiles(
  { startFailures }: ShardContext,
  { incarnation }: CacheNode,
  follow: CacheNode | null,
): 'start' | 'decide-anew' {
  if (follow !== null) return 'start';
  startFailures.delete(incarnation);
  return 'decide-anew';
}

/** It lives and has the data, or most of them: a node whose files are damaged does not lead beside it. */
const holdsCopy = (member: Member): boolean =>
  !isDown(member) && (member.node.synced || holdsOlderCopy(member));

/** Nothing was found wrong with its files, and it does not start all the same. Null: it is tried again. */
function whyGivenUp({ follow, before }: Patient, copy: Member | undefined, hasFiles: boolean): string | null {
  const times = `${before.attempts} times`;
  if (follow !== null && before.attempts === rebuildAfter)
    return `it did not start ${times}; it is rebuilt from ${follow.cacheClusterId}`;
  // Only one that was confirmed: these files may be well, and then hold more than an older copy does.
  if (follow !== null || !hasFiles || !copy?.node.synced || before.endings < rebuildAfter) return null;
  return `it ended ${before.endings} times before it served anybody, and nothing is found wrong with them; ${copy.node.cacheClusterId} holds the data`;
}
