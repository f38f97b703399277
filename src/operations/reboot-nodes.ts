/**
 * RebootCacheCluster: ends each node's process in good order and lets it come back. The shard's worker does it, since
 * it knows who may lead meanwhile: a primary with automatic failover hands over first; without it, the node comes
 * back, takes its data from a living copy, and leads again. A single node without durability comes back empty.
 */
import { cacheNodeRestarted, rebootGivenUp } from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import { updateNode } from '../fleet/start-node.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { CacheHealth } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { reasonOf } from './failure-reason.ts';
import { giveUpChange } from './give-up.ts';
import {
  act,
  type Decision,
  fail,
  finish,
  go,
  type OperationKind,
  queuedAs,
  wait,
} from './operation-kind.ts';
import { nextNode, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';
import { dataLimitMs } from './wait-limits.ts';

type RebootInput = OperationInput<'reboot-nodes'>;

/** After so many failures to come up a node counts as one that does not come up. */
const startAttemptsMax = 3;

export interface RebootState {
  readonly step: 'asking' | 'waiting';
}

interface RebootSeen {
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
      const health = shards.health(input.cacheIncarnation, view ? chosen(view, input) : []);
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
  const giveUp = (reason: string) =>
    fail(`${input.clusterId} has not restarted: ${reason}`, givenUp(view, nodes, input, now, reason));
  if (health.failure && health.failure.attempts >= startAttemptsMax)
    return giveUp(reasonOf(health.failure.error));
  if (nodes.some((node) => node.intent === 'restarting') || !health.isSettled)
    return wait(health.sentence, {
      retryAfterMs: 250,
      limitMs: dataLimitMs(view.cache),
      otherwise: giveUp,
    });
  return finish(`${input.clusterId} has restarted`, restarted(view, nodes, input, now));
}

/** The rows after a reboot that is given up: all is shown as before. A node that does not come up goes on being started by its shard's worker. */
function givenUp(
  view: CacheView,
  nodes: readonly CacheNode[],
  input: RebootInput,
  now: number,
  reason: string,
): Change[] {
  const { cache, clusters } = view;
  const member = cache.kind === 'replication-group' && clusters.find((one) => one.id === input.clusterId);
  const changed = member || cache;
  return [
    { put: 'resource', row: withStatus(changed, 'available', now) },
    ...nodes.map((node): Change => {
      const intent = node.intent === 'restarting' ? 'running' : node.intent;
      return { put: 'node', row: nextNode(node, { status: 'available', intent }) };
    }),
    announce(cache, cache.id, rebootGivenUp(cache.kind, input.clusterId, reason), now),
  ];
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
