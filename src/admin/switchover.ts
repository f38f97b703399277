/**
 * A planned switchover for people's own maintenance: ElastiCache has no action for it in cluster mode, and without
 * cluster mode only with automatic failover disabled. No acknowledged write is lost.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type ActionContext, commitPlanned } from '../actions/action.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { CacheNode } from '../model/node.ts';
import type { ReplicationGroup } from '../model/resource.ts';
import { invalidValue, ServiceError } from '../model/service-errors.ts';
import type { Tools } from '../operations/tools.ts';
import type { Change } from '../store/contract.ts';
import { enqueue } from '../store/enqueue.ts';
import { chooseNodes } from './fault-targets.ts';
import { livingNodes } from './living-nodes.ts';

interface SwitchoverAnswer {
  readonly group: string;
  readonly nodeGroupId: string;
  /** Member that led before. */
  readonly from: string;
  readonly to: string;
}

/** Three attempts of a second each, and the moments between them. */
const deadlineMs = 30_000;

/** The admin route `switchover`: `{ member, region? }`; answers when the member leads. */
export function createSwitchoverRoute(tools: Tools, wake: () => void) {
  return async (body: unknown, context: Pick<ActionContext, 'account'>): Promise<SwitchoverAnswer> => {
    const { member, region } = (body ?? {}) as { member?: unknown; region?: unknown };
    if (typeof member !== 'string') throw invalidValue('switchover needs the name of a member.');
    const nodes = (await livingNodes(tools.fleet)).filter(
      (node) => node.account === context.account && (region === undefined || node.region === region),
    );
    const [node] = chooseNodes(nodes, member);
    if (!node?.replicationGroupId || !node.nodeGroupId)
      throw invalidValue(`${member} is no member of a group.`);
    const from = await begin(tools, node);
    wake();
    return await untilItLeads(tools, node, from);
  };
}

/** Queues the promotion, and gives the member that leads now. Somebody may change the group in the same moment. */
const begin = ({ fleet }: Tools, node: CacheNode): Promise<string> =>
  commitPlanned(fleet.store, () => planPromotion(fleet, node));

async function planPromotion({ store, ids, clock }: Fleet, node: CacheNode) {
  const group = await store.resourceByIncarnation('replication-group', node.cacheIncarnation);
  if (group?.status !== 'available')
    throw new ServiceError(
      'InvalidReplicationGroupState',
      `The group of ${node.cacheClusterId} is ${group?.status ?? 'gone'}; a switchover needs it available.`,
    );
  const shard = await store.nodeGroup(node.cacheIncarnation, node.nodeGroupId ?? '');
  if (shard?.currentPrimary === node.incarnation)
    throw new ServiceError('NoOperationFault', `${node.cacheClusterId} leads already.`);
  const leader = shard?.currentPrimary ? await store.node(shard.currentPrimary) : null;
  const row: ReplicationGroup = { ...group, version: group.version + 1, status: 'modifying' };
  const changes: Change[] = [
    { put: 'resource', row },
    enqueue({ ids, clock }, 'promote-member', group, { clusterId: node.cacheClusterId }),
  ];
  return { changes, result: leader?.cacheClusterId ?? '' };
}

async function untilItLeads({ fleet }: Tools, node: CacheNode, from: string): Promise<SwitchoverAnswer> {
  const { store, clock } = fleet;
  const end = clock.monotonic() + deadlineMs;
  for (;;) {
    const group = await store.resourceByIncarnation('replication-group', node.cacheIncarnation);
    const shard = await store.nodeGroup(node.cacheIncarnation, node.nodeGroupId ?? '');
    const isOver = group?.status !== 'modifying';
    if (isOver && shard?.currentPrimary === node.incarnation)
      return {
        group: node.replicationGroupId ?? '',
        nodeGroupId: node.nodeGroupId ?? '',
        from,
        to: node.cacheClusterId,
      };
    if (isOver || clock.monotonic() > end)
      throw new ServiceError(
        'InvalidReplicationGroupState',
        `${node.cacheClusterId} was not made the primary; the group's events say why.`,
      );
    await delay(5);
  }
}
