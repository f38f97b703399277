/**
 * A shard that is to have replicas and has no healthy one goes on serving, but its data are in one place only. After a
 * while that is an event and shown by `limber status`, and its end is an event too. Limber may die between the two: the
 * recorded events say what was told last.
 */
import { healthyReplicaAgain, noHealthyReplica } from '../../catalog/events.ts';
import type { ShardContext } from './context.ts';
import type { ShardFacts } from './observe/observe-shard.ts';
import { cacheEvent } from './record.ts';
import { isCandidate, type ShardView } from './view.ts';

/** One that is healthy for a shorter time, again and again, does not count. A judgement. */
const steadyAfterMs = 10_000;
/** Newest first, of the group: the two that are looked for are rare. */
const eventsMax = 200;

interface RedundancyWatch {
  /** Takes note of one look at the shard. `sentence`: what its worker waits for. */
  look(facts: ShardFacts, sentence: string): Promise<void>;
  /** For people, once it has lasted; null before, and while all is well. */
  concern(): string | null;
}

export function createRedundancyWatch({ fleet }: ShardContext): RedundancyWatch {
  const { clock, settings, store } = fleet;
  /** Monotonic milliseconds. */
  let bareSince: number | null = null;
  let healthySince: number | null = null;
  /** Null: not known yet. */
  let isTold: boolean | null = null;
  let concern: string | null = null;

  /** What the recorded events said last of this node group. */
  async function wasTold({ cache, view }: ShardFacts): Promise<boolean> {
    const { account, region, id, createdAt } = cache;
    const end = healthyReplicaAgain(view.shard.nodeGroupId);
    const begin = noHealthyReplica(view.shard.nodeGroupId, '');
    const events = await store.events(
      {
        ...{ account, region, sourceType: 'replication-group', sourceId: id },
        ...{ from: createdAt, until: Number.MAX_SAFE_INTEGER },
      },
      { before: null, limit: eventsMax },
    );
    const last = events.find(({ message }) => message === end.message || message.startsWith(begin.message));
    return last !== undefined && last.message !== end.message;
  }

  async function tell(facts: ShardFacts, isBare: boolean, sentence: string): Promise<void> {
    isTold ??= await wasTold(facts);
    if (isTold === isBare) return;
    const { nodeGroupId } = facts.view.shard;
    const text = isBare ? noHealthyReplica(nodeGroupId, sentence) : healthyReplicaAgain(nodeGroupId);
    await store.commit([cacheEvent({ fleet }, facts.cache, text)]);
    isTold = isBare;
  }

  return {
    concern: () => concern,
    async look(facts, sentence) {
      const now = clock.monotonic();
      if (isBare(facts)) {
        healthySince = null;
        bareSince ??= now;
        if (now - bareSince < settings.unprotectedAfterMs) return;
        const { nodeGroupId } = facts.view.shard;
        concern = `node group ${nodeGroupId} of ${facts.cache.id} has no healthy replica: ${sentence}`;
        await tell(facts, true, sentence);
        return;
      }
      healthySince ??= now;
      if (bareSince === null && isTold === false) return;
      if (now - healthySince < steadyAfterMs && bareSince !== null) return;
      [bareSince, concern] = [null, null];
      if (isToHaveReplicas(facts.view)) await tell(facts, false, sentence);
    },
  };
}

/** Not one that is being made, or taken down. */
function isBare({ cache, view }: ShardFacts): boolean {
  if (view.isForming || cache.status === 'creating' || cache.status === 'deleting') return false;
  const { currentPrimary } = view.shard;
  const replicas = view.members.filter(({ node }) => node.incarnation !== currentPrimary);
  return (
    isToHaveReplicas(view) &&
    !replicas.some((member) => isCandidate(member) && member.engine?.isLinkUp === true)
  );
}

/** New members are told of by the operation that adds them. */
function isToHaveReplicas({ shard, members }: ShardView): boolean {
  return shard.nodeGroupId !== '' && members.filter(({ node }) => node.status !== 'creating').length > 1;
}
