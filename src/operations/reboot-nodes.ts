/**
 * RebootCacheCluster: ends each node's process in good order and lets it come back. The shard's worker does it, since
 * it knows who may lead meanwhile: a primary with automatic failover hands over first; without it, the node comes
 * back, takes its data from a living copy, and leads again. A single node without durability comes back empty.
 */
import { cacheNodeRestarted } from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import { updateNode } from '../fleet/start-node.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { CacheHealth } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { giveUpChange } from './give-up.ts';
import { act, type Decision, finish, go, type OperationKind, queuedAs, wait } from './operation-kind.ts';
import { nextNode, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';

export type RebootInput = OperationInput<'reboot-nodes'>;

export interface RebootState {
  readonly step: 'asking' | 'waiting';
}

export interface RebootSeen {
  readonly view: CacheView | null;
  readonly health: CacheHealth;
  readonly now: number;
}

export function rebootNodesKind(tools: Tools): OperationKind<RebootInput, RebootState, RebootSeen, 'ask'> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('reboot-nodes'),
    first: () => ({ step: 'asking' }),
    async observe(input) {
      const view = await loadCacheView(fleet.store, input);
      const health = shards.health(input.cacheIncarnation, view?.nodes ?? []);
      return { view, health, now: fleet.clock.now() };
    },
    decide: decideReboot,
    giveUp: (input, reason) => giveUpChange(tools, 'The reboot', input, reason),
    async perform(_ask, input) {
      const view = await loadCacheView(fleet.store, input);
      for (const node of view ? chosen(view, input) : [])
        await updateNode(fleet, node.incarnation, (row) =>
          row.intent === 'running'
            ? { ...row, intent: 'restarting', status: 'rebooting cluster nodes' }
            : row,
        );
      shards.recheck(input.cacheIncarnation);
    },
  };
}

const chosen = (view: CacheView, input: RebootInput): CacheNode[] =>
  view.nodes.filter(
    (node) => node.cacheClusterId === input.clusterId && input.cacheNodeIds.includes(node.cacheNodeId),
  );

export function decideReboot(
  input: RebootInput,
  state: RebootState,
  { view, health, now }: RebootSeen,
): Decision<RebootState, 'ask'> {
  if (!view || view.cache.status === 'deleting') return finish('the cache is gone');
  const nodes = chosen(view, input);
  if (state.step === 'asking') {
    const isAsked = nodes.every((node) => node.status === 'rebooting cluster nodes');
    return isAsked
      ? go({ step: 'waiting' }, 'the nodes are to restart')
      : act('ask', 'the nodes are told to restart', 10_000);
  }
  // The shard's worker records `running` again with the new process.
  if (nodes.some((node) => node.intent === 'restarting') || !health.isSettled)
    return wait(health.sentence, 250);
  return finish(`${input.clusterId} has restarted`, restarted(view, nodes, input, now));
}

function restarted(view: CacheView, nodes: readonly CacheNode[], input: RebootInput, now: number): Change[] {
  const { cache, clusters } = view;
  const rebooted =
    cache.kind === 'replication-group' ? clusters.find((one) => one.id === input.clusterId) : cache;
  return [
    ...(rebooted ? [{ put: 'resource', row: withStatus(rebooted, 'available', now) } as const] : []),
    ...nodes.map((node): Change => ({ put: 'node', row: nextNode(node, { status: 'available' }) })),
    ...nodes.map((node) => announce(cache, input.clusterId, cacheNodeRestarted(node.cacheNodeId), now)),
  ];
}
