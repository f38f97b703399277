/** Rows of a small group, for the tables of operations on members. */
import type { CacheView } from '../../src/fleet/cache-view.ts';
import type { CacheNode, NodeGroup } from '../../src/model/node.ts';
import { type CacheCluster, nothingObserved, type ReplicationGroup } from '../../src/model/resource.ts';
import type { CacheHealth } from '../../src/reconcilers/shards.ts';
import { cacheCluster, onTarget, replicationGroup } from '../store/rows.ts';

const scope = { account: '000000000000', region: 'us-east-1' };

export const input = {
  cacheKind: 'replication-group',
  cacheId: 'orders',
  cacheIncarnation: 'g',
} as const;

const group = (clusterMode: 'enabled' | 'disabled', status: string): ReplicationGroup => ({
  ...scope,
  kind: 'replication-group',
  id: 'orders',
  incarnation: 'g',
  version: 1,
  status,
  tags: [],
  desired: {
    ...replicationGroup('orders').desired,
    clusterMode,
    pending: { primaryClusterId: 'orders-002' },
  },
  observed: nothingObserved,
  createdAt: 0,
  updatedAt: 0,
});

const cluster = (id: string): CacheCluster => ({
  ...scope,
  kind: 'cache-cluster',
  id,
  incarnation: `g:${id}`,
  version: 1,
  status: 'creating',
  tags: [],
  desired: cacheCluster(id, { replicationGroupId: 'orders' }).desired,
  observed: nothingObserved,
  createdAt: 0,
  updatedAt: 0,
});

/** `n1` of the member `orders-001`, and so on; running and synced unless said otherwise. */
export const node = (number: number, more: Partial<CacheNode> = {}): CacheNode => ({
  ...scope,
  incarnation: `n${number}`,
  version: 1,
  cacheIncarnation: 'g',
  cacheClusterId: `orders-00${number}`,
  cacheNodeId: '0001',
  replicationGroupId: 'orders',
  nodeGroupId: '0001',
  engine: 'valkey',
  ...onTarget,
  availabilityZone: 'us-east-1a',
  host: 'local',
  address: `127.0.0.${number}`,
  port: 6379,
  tls: false,
  status: 'available',
  intent: 'running',
  role: number === 1 ? 'primary' : 'replica',
  handle: { bootId: 'b', pid: number, startTime: 1 },
  synced: true,
  createdAt: 0,
  ...more,
});

export interface ViewParts {
  readonly nodes: readonly CacheNode[];
  readonly clusterMode?: 'enabled' | 'disabled';
  readonly status?: string;
  readonly shard?: Partial<NodeGroup>;
  /** Who binds the reader endpoint. */
  readonly reader?: string | null;
}

export function view({
  nodes,
  clusterMode = 'disabled',
  status = 'modifying',
  shard,
  reader,
}: ViewParts): CacheView {
  return {
    cache: group(clusterMode, status),
    clusters: ['orders-001', 'orders-002', 'orders-003'].map(cluster),
    nodeGroups: [
      {
        cacheIncarnation: 'g',
        nodeGroupId: '0001',
        version: 1,
        status: 'available',
        isFormed: true,
        slots: '',
        currentPrimary: 'n1',
        targetPrimary: 'n1',
        ...shard,
      },
    ],
    nodes,
    endpoints: [
      {
        address: '127.0.0.100',
        port: 6379,
        version: 1,
        cacheIncarnation: 'g',
        purpose: 'reader',
        nodeGroupId: '0001',
        nodeIncarnation: null,
        dnsName: 'orders-ro',
        holder: reader === undefined ? 'n2' : reader,
      },
    ],
  };
}

export const well: CacheHealth = { isSettled: true, sentence: 'all is well', failure: null };
export const untried = { attempts: 0, lastError: null, successes: 0 };
