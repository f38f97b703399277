/** TestFailover: the primary of one node group really dies. Rules: spec/behaviour.md §8. */
import type { TestFailoverMessage, TestFailoverResult } from '@aws-sdk/client-elasticache';
import { testFailoverCalled } from '../../catalog/events.ts';
import { parseNodeGroupId, parseReference } from '../../model/identifiers.ts';
import type { ReplicationGroup } from '../../model/resource.ts';
import { ServiceError } from '../../model/service-errors.ts';
import { nextSetting, type Setting } from '../../model/setting.ts';
import type { Store } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionDeps, commitPlanned } from '../action.ts';
import { cacheEvent } from '../shared/cache-event.ts';
import { requireAvailableGroup } from '../shared/cache-state.ts';
import { requireReplicationGroup } from '../shared/look-ups.ts';
import { NotWell, onceWell } from '../shared/once-well.ts';
import { nextVersion } from '../shared/rows.ts';
import { answerGroup } from './describe-replication-groups.ts';
import { readShards } from './replica-configuration.ts';

const dayMs = 86_400_000;

export const testFailover =
  (deps: ActionDeps): Action<TestFailoverMessage, TestFailoverResult> =>
  async (input, context) => {
    const id = parseReference(input.ReplicationGroupId ?? '', 'ReplicationGroupId');
    const nodeGroupId = parseNodeGroupId(input.NodeGroupId ?? '');
    const work = () =>
      commitPlanned(deps.store, async () => {
        const group = await requireReplicationGroup(deps.store, context, id);
        requireAvailableGroup(group, 'test failover');
        await requireNoOther(deps.store, group);
        await requireFailover(deps, group, nodeGroupId);
        const now = deps.clock.now();
        const stored = await deps.store.setting(callsOf(context.account));
        const calls = recentCalls(deps, stored, now);
        // The group's row gets a new version though it is unchanged: of two calls at once one finds the other's operation.
        const row = nextVersion(group, now, {});
        return {
          changes: [
            { put: 'resource', row },
            {
              put: 'setting',
              row: nextSetting(callsOf(context.account), stored, JSON.stringify([...calls, now])),
            },
            cacheEvent(group, testFailoverCalled(nodeGroupId), now),
            enqueue(deps, 'test-failover', group, { nodeGroupId }),
          ],
          result: row,
        };
      });
    const group = await onceWell(deps, work);
    deps.queue.wake();
    return { ReplicationGroup: await answerGroup(deps, group) };
  };

async function requireFailover(
  { store, copies }: ActionDeps,
  group: ReplicationGroup,
  nodeGroupId: string,
): Promise<void> {
  const shards = await readShards(store, group);
  const one = shards.find(({ shard }) => shard.nodeGroupId === nodeGroupId);
  if (!one)
    throw new ServiceError(
      'NodeGroupNotFoundFault',
      `Node group ${nodeGroupId} of replication group ${group.id} not found.`,
    );
  const { shard, nodes } = one;
  if (!group.desired.automaticFailover)
    throw new ServiceError(
      'InvalidReplicationGroupState',
      `Replication group ${group.id} must have automatic failover enabled to test failover.`,
    );
  const replicas = nodes.filter((node) => node.incarnation !== shard.currentPrimary);
  if (replicas.length === 0)
    throw new ServiceError(
      'InvalidReplicationGroupState',
      `Node group ${nodeGroupId} of ${group.id} must have at least 1 replica to test failover.`,
    );
  const why = await copies.whyNoHeir(shard);
  if (why !== null)
    throw new NotWell(
      'TestFailoverNotAvailableFault',
      `Node group ${nodeGroupId} of ${group.id} cannot be failed over at present: ${why}.`,
    );
}

async function requireNoOther(store: Store, group: ReplicationGroup): Promise<void> {
  const open = await store.openOperations();
  if (!open.some(({ kind, lock }) => kind === 'test-failover' && lock === group.incarnation)) return;
  throw new ServiceError(
    'InvalidReplicationGroupState',
    `A test failover of replication group ${group.id} is under way; one node group is tested at a time.`,
  );
}

const callsOf = (account: string): string => `test-failovers:${account}`;

/** When the calls of the last 24 hours were made, ms since 1970. Throws when there were as many as are allowed. */
function recentCalls(
  { testFailoversPerDay: callsMax }: Pick<ActionDeps, 'testFailoversPerDay'>,
  stored: Setting | null,
  now: number,
): number[] {
  const recent = (JSON.parse(stored?.value ?? '[]') as number[]).filter((time) => now - time < dayMs);
  if (recent.length >= callsMax)
    throw new ServiceError(
      'APICallRateForCustomerExceeded',
      `TestFailover was called for ${recent.length} node groups within 24 hours; ${callsMax} are allowed` +
        `${whenAllowed(recent, callsMax)}. The setting testFailoversPerDay changes that, and ` +
        '`limber fault kill` ends a primary without any limit.',
    );
  return recent;
}

/** `, the next one from 2026-11-20T12:00:00.000Z on`; nothing when none is ever allowed. */
function whenAllowed(recent: readonly number[], callsMax: number): string {
  const leaves = recent[recent.length - callsMax];
  return leaves === undefined ? '' : `, the next one from ${new Date(leaves + dayMs).toISOString()} on`;
}
