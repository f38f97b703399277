/** Does what `decide` chose. Every act may be repeated: it checks by its effect whether it is done already. */
import type { ShardContext } from '../context.ts';
import type { ShardAct } from '../decide/decision.ts';
import { countsOnItsFiles } from '../decide/recheck.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { invalidateSync } from '../record.ts';
import { applyConfig } from './apply-config.ts';
import { bringUp } from './bring-up.ts';
import { calmClients } from './calm-clients.ts';
import { claimSlots } from './claim-slots.ts';
import { clusterSwitchover } from './cluster-switchover.ts';
import { confirmPrimary } from './confirm-primary.ts';
import { confirmReplica } from './confirm-synced.ts';
import { countSwitchover } from './count-switchover.ts';
import { end } from './end.ts';
import { failBack } from './fail-back.ts';
import { fence } from './fence.ts';
import { follow } from './follow.ts';
import { lookAgain, nodeIn } from './look-again.ts';
import { promoteNode } from './promote.ts';
import { promoteReadOnly } from './promote-read-only.ts';
import { setTargetPrimary } from './set-target-primary.ts';
import { switchOver } from './switchover.ts';
import { withdrawTombstone } from './withdraw-tombstone.ts';

export async function performAct(context: ShardContext, facts: ShardFacts, act: ShardAct): Promise<void> {
  const node = (incarnation: string) => nodeIn(facts, incarnation);
  switch (act.kind) {
    case 'start':
      if (countsOnItsFiles(facts.view, act)) await lookAgain(context, facts, act);
      return bringUp(context, facts, node(act.node), act.follow === null ? null : node(act.follow));
    case 'end':
      return end(context, await lookAgain(context, facts, act), act.node);
    case 'fence':
      return fence(context, await lookAgain(context, facts, act), act);
    case 'set-target-primary':
      return setTargetPrimary(context, facts, act);
    case 'promote':
      return promoteNode(context, facts, node(act.node));
    case 'switchover': {
      const [from, to] = [node(act.from), node(act.to)];
      const isCluster = facts.view.clusterMode === 'enabled';
      return countSwitchover(context, facts, () =>
        isCluster ? clusterSwitchover(context, facts, from, to) : switchOver(context, facts, from, to),
      );
    }
    case 'confirm-primary':
      return confirmPrimary(context, facts, node(act.node));
    case 'follow':
      return follow(context, facts, node(act.node), node(act.primary));
    case 'invalidate-sync':
      return invalidateSync(context.fleet.store, act.node);
    case 'confirm-synced':
      return confirmReplica(context, facts, node(act.node), node(act.primary));
    case 'promote-read-only':
      return promoteReadOnly(context, facts, node(act.node));
    case 'apply-config':
      return applyConfig(context, facts.cache, node(act.node));
    case 'calm-clients':
      return calmClients(context, node(act.node));
    case 'withdraw-tombstone':
      return withdrawTombstone(context, facts, act.node);
    case 'claim-slots':
      return claimSlots(context, facts, node(act.node));
    case 'fail-back':
      return failBack(context, facts.cache, node(act.from), node(act.to));
    default:
      return act satisfies never;
  }
}
