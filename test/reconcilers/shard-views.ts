/** Views of a shard for tests of `decideShard`: what matters is said, the rest is healthy. */
import type { CacheNode } from '../../src/model/node.ts';
import {
  type EngineFacts,
  endpointOf,
  type Member,
  type ShardView,
  type Verdict,
} from '../../src/reconcilers/shard/view.ts';
import { onTarget } from '../store/rows.ts';

/** Members go by their position: `-001` is 1. */
export const incarnationOf = (position: number): string => `node-${position}`;
export const nameOf = (position: number): string => `orders-00${position}`;

export function nodeAt(position: number, changes: Partial<CacheNode> = {}): CacheNode {
  return {
    account: '000000000000',
    region: 'eu-central-1',
    incarnation: incarnationOf(position),
    version: 1,
    cacheIncarnation: 'cache-1',
    cacheClusterId: nameOf(position),
    cacheNodeId: '0001',
    replicationGroupId: 'orders',
    nodeGroupId: '0001',
    engine: 'valkey',
    ...onTarget,
    availabilityZone: 'eu-central-1a',
    host: 'here',
    address: `127.100.90.${position}`,
    port: 6379,
    tls: false,
    status: 'available',
    intent: 'running',
    role: null,
    handle: { bootId: 'boot', pid: 4000 + position, startTime: 1 },
    synced: true,
    createdAt: 0,
    ...changes,
  };
}

export const addressOf = (position: number): string => endpointOf(nodeAt(position));

export const leading: EngineFacts = {
  role: 'primary',
  replicationId: 'a'.repeat(40),
  replicationId2: '0'.repeat(40),
  secondOffset: -1,
  offset: 100,
  follows: null,
  isLinkUp: false,
  isSyncing: false,
  isLoading: false,
};

export const following = (primary: number, changes: Partial<EngineFacts> = {}): EngineFacts => ({
  ...leading,
  role: 'replica',
  follows: addressOf(primary),
  isLinkUp: true,
  ...changes,
});

export function memberAt(
  position: number,
  facts: { readonly verdict: Verdict; readonly engine?: EngineFacts } & Partial<
    Omit<Member, 'engine' | 'node'>
  >,
  node: Partial<CacheNode> = {},
): Member {
  return { isBackingOff: false, data: 'none', engine: null, ...facts, node: nodeAt(position, node) };
}

/** It leads and answers. */
export const primaryAt = (position: number, node: Partial<CacheNode> = {}): Member =>
  memberAt(position, { verdict: 'answering', engine: leading }, { role: 'primary', ...node });

/** It follows the primary at `of` and was confirmed to hold its data. */
export const replicaAt = (
  position: number,
  of: number,
  engine: Partial<EngineFacts> = {},
  node: Partial<CacheNode> = {},
): Member =>
  memberAt(position, { verdict: 'answering', engine: following(of, engine) }, { role: 'replica', ...node });

/** Dead, hung, unresponsive; `absent` was never started. */
export const silentAt = (
  position: number,
  verdict: Exclude<Verdict, 'answering'>,
  node: Partial<CacheNode> = {},
  facts: Partial<Pick<Member, 'isBackingOff' | 'data' | 'silentMs'>> = {},
): Member =>
  memberAt(
    position,
    { verdict, ...facts },
    verdict === 'absent' ? { handle: null, synced: false, ...node } : node,
  );

/** The first member is recorded as primary unless `current` (and `target`) say otherwise. */
export function viewOf(
  members: readonly Member[],
  options: {
    readonly current?: number | null;
    readonly target?: number | null;
  } & Partial<Omit<ShardView, 'members' | 'shard'>> = {},
): ShardView {
  const { current = 1, target = current, ...more } = options;
  return {
    shard: {
      cacheIncarnation: 'cache-1',
      nodeGroupId: '0001',
      version: 1,
      status: 'available',
      isFormed: true,
      slots: '',
      currentPrimary: current === null ? null : incarnationOf(current),
      targetPrimary: target === null ? null : incarnationOf(target),
    },
    clusterMode: 'disabled',
    automaticFailover: true,
    durability: 'disabled',
    isForming: false,
    switchoverFailures: 0,
    leaving: [],
    ...more,
    members,
  };
}
