/** Records who is to lead, before anything is done for it. */
import { acceptWrites } from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardAct } from '../decide/decision.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { targetPrimarySet } from '../record.ts';
import { nodeIn } from './look-again.ts';

type SetTargetPrimary = Extract<ShardAct, { readonly kind: 'set-target-primary' }>;

export async function setTargetPrimary(
  context: ShardContext,
  facts: ShardFacts,
  { node: incarnation, reason }: SetTargetPrimary,
): Promise<void> {
  if (incarnation === facts.view.shard.currentPrimary) await leadOn(context, facts, incarnation);
  const { shard } = facts.view;
  // When nobody led before, nobody's lead has to end first.
  const currentPrimary = shard.currentPrimary ?? (reason === 'found' ? incarnation : null);
  await context.fleet.store.commit(
    targetPrimarySet({ ...shard, currentPrimary }, nodeIn(facts, incarnation)),
  );
  faultPoint(`${reason}:target-set`);
}

/** Before the record of a switchover that is given up: the primary goes on, and takes writes again if it refused them for that. */
async function leadOn(context: ShardContext, facts: ShardFacts, incarnation: string): Promise<void> {
  const member = facts.view.members.find((one) => one.node.incarnation === incarnation);
  if (member?.engine?.role !== 'primary') return;
  const connection = await context.fleet.connections.of(member.node);
  await acceptWrites(connection, writeCondition(facts.cache, member.node));
}
