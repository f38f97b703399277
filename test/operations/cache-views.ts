/** Views of whole caches for the tables of operations: only what they decide by. */
import type { CacheView } from '../../src/fleet/cache-view.ts';
import type { Configuration } from '../../src/model/configuration.ts';
import type { CacheNode, NodeGroup } from '../../src/model/node.ts';
import type { Cache, CacheCluster } from '../../src/model/resource.ts';
import type { Decision, Tries } from '../../src/operations/operation-kind.ts';
import type { CacheHealth } from '../../src/reconcilers/shards.ts';
import type { Change } from '../../src/store/contract.ts';
import { cacheCluster, cacheNode, nodeGroup, now, replicationGroup } from '../store/rows.ts';

export const untried: Tries = { attempts: 0, lastError: null, successes: 0 };
export const settled: CacheHealth = { isSettled: true, sentence: 'all is well', failure: null };
export const unsettled: CacheHealth = { isSettled: false, sentence: 'a node is started', failure: null };

export const failing = (attempts: number, error: Error): CacheHealth => ({
  ...unsettled,
  failure: { attempts, endings: 0, notBefore: 0, error },
});

export const triedTimes = (attempts: number, message: string): Tries => ({
  attempts,
  lastError: new Error(message),
  successes: 0,
});

const whole = (
  cache: Cache,
  clusters: readonly CacheCluster[],
  nodes: readonly CacheNode[],
  nodeGroups: readonly NodeGroup[],
): CacheView => ({ cache, clusters, nodes, nodeGroups, endpoints: [] });

/** A group of the members `orders-001` and `orders-002`, whose nodes are given. */
export function groupView(
  nodes: readonly CacheNode[],
  options: {
    readonly clusterMode?: 'enabled' | 'disabled';
    readonly status?: string;
    readonly isFormed?: boolean;
    readonly configurations?: readonly Configuration[];
  } = {},
): CacheView {
  const { clusterMode = 'disabled', status = 'creating', isFormed = true } = options;
  const group = replicationGroup('orders');
  const cache = {
    ...group,
    status,
    desired: {
      ...group.desired,
      clusterMode,
      configurations: options.configurations ?? group.desired.configurations,
    },
  };
  const members = ['orders-001', 'orders-002'].map((id) =>
    cacheCluster(id, { replicationGroupId: 'orders' }, { status }),
  );
  return whole(cache, members, nodes, [
    nodeGroup({
      isFormed,
      currentPrimary: nodes[0]?.incarnation ?? null,
      targetPrimary: nodes[0]?.incarnation ?? null,
    }),
  ]);
}

/** A Memcached cluster whose nodes have these ids. */
export function memcachedView(
  ids: readonly string[],
  options: {
    readonly status?: string;
    readonly configurationVersion?: number;
    readonly node?: (id: string) => Partial<CacheNode>;
  } = {},
): CacheView {
  const { status = 'creating', configurationVersion = 0, node = () => ({}) } = options;
  const cluster = cacheCluster('sessions', { engine: 'memcached', numCacheNodes: ids.length }, { status });
  const cache = { ...cluster, observed: { ...cluster.observed, configurationVersion } };
  const nodes = ids.map((cacheNodeId) =>
    cacheNode({
      engine: 'memcached',
      cacheClusterId: 'sessions',
      cacheNodeId,
      nodeGroupId: null,
      ...node(cacheNodeId),
    }),
  );
  return whole(cache, [cache], nodes, []);
}

/** Status words that a decision writes, by resource id. */
export function statusesIn(decision: Decision<unknown, unknown>): Record<string, string> {
  const changes: readonly Change[] = 'changes' in decision ? decision.changes : [];
  return Object.fromEntries(
    changes.flatMap((change) =>
      'put' in change && change.put === 'resource' ? [[change.row.id, change.row.status]] : [],
    ),
  );
}

/** Texts of the events that a decision adds. */
export function eventsIn(decision: Decision<unknown, unknown>): string[] {
  const changes: readonly Change[] = 'changes' in decision ? decision.changes : [];
  return changes.flatMap((change) => ('add' in change ? [change.row.message] : []));
}

/** Its kind and what it says: `act place`, `go starting`, `wait`, `finish`, `fail`. */
export function shortly(decision: Decision<{ readonly step: string }, string>): string {
  if (decision.kind === 'act') return `act ${decision.act}`;
  return decision.kind === 'go' ? `go ${decision.state.step}` : decision.kind;
}

export { now };
