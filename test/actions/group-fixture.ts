/** The actions of groups over a real store in a directory of its own, with a clock that stands still. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Action, ActionContext, ActionDeps } from '../../src/actions/action.ts';
import type { RunnableVersion } from '../../src/catalog/engine-versions.ts';
import type { CacheNode } from '../../src/model/node.ts';
import type {
  CacheCluster,
  CacheSettings,
  ReplicationGroup,
  ReplicationGroupDesired,
  ResourceKey,
} from '../../src/model/resource.ts';
import { nothingObserved } from '../../src/model/resource.ts';
import { ServiceError, type ServiceErrorCode } from '../../src/model/service-errors.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Change, Store } from '../../src/store/contract.ts';
import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts';
import { configuration, onTarget } from '../store/rows.ts';

export const account = '111122223333';
export const region = 'eu-west-1';
const scope = { account, region };

export const runnable: readonly RunnableVersion[] = [
  { engine: 'memcached', version: '1.6.38', installed: true },
  { engine: 'redis', version: '7.0.15', installed: true },
  { engine: 'valkey', version: '8.1.1', installed: true },
  { engine: 'valkey', version: '8.0.1', installed: false },
];

export interface Fixture {
  readonly store: Store;
  readonly deps: ActionDeps;
  /** How often the workers were woken. */
  readonly wakes: () => number;
  /** Moves the clock. */
  readonly advance: (ms: number) => void;
  readonly call: <Input, Output>(
    action: (deps: ActionDeps) => Action<Input, Output>,
    input: Input,
    as?: Partial<ActionContext>,
  ) => Promise<Output>;
}

export async function openFixture(t: TestContext): Promise<Fixture> {
  const directory = await mkdtemp(join(tmpdir(), 'limber-groups-'));
  let now = Date.UTC(2026, 10, 20, 12);
  let woken = 0;
  const clock = {
    ...systemClock,
    now: () => now,
    monotonic: () => now,
    delay: async (ms: number) => {
      now += ms;
    },
  };
  const store = await openSqliteStore({ directory, clock, log: silentLog });
  t.after(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });
  const deps: ActionDeps = {
    store,
    copies: { whyNeeded: async () => null, whyNoHeir: async () => null },
    clock,
    ids: systemIds,
    queue: {
      wake: () => {
        woken += 1;
      },
    },
    engineOffer: async () => ({ runnable, allowStandIns: false }),
    dnsZone: null,
    describeHoldMs: 0,
    testFailoversPerDay: 15,
    allowValkeyCacheClusters: false,
    deleteAnywayAfterMs: 60_000,
  };
  const context = (): ActionContext => ({
    ...scope,
    requestId: 'request',
    accessKeyId: 'AKIATEST',
    now: new Date(now),
    signal: new AbortController().signal,
  });
  return {
    store,
    deps,
    wakes: () => woken,
    advance: (ms) => {
      now += ms;
    },
    call: (action, input, as) => action(deps)(input, { ...context(), ...as }),
  };
}

/** Asserts that a call is refused with this code, and a message that holds all of these words. */
export async function refused(call: Promise<unknown>, code: ServiceErrorCode, ...words: string[]) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ServiceError, `expected a ServiceError, got ${error}`);
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `"${word}" in: ${error.message}`);
    return true;
  });
}

const settings: CacheSettings = {
  engine: 'valkey',
  engineVersion: '8.1',
  cacheNodeType: 'cache.t4g.small',
  parameterGroupName: 'default.valkey8',
  configurations: [configuration],
  subnetGroupName: 'default',
  securityGroupNames: [],
  securityGroupIds: [],
  port: 6379,
  maintenanceWindow: 'sun:05:00-sun:06:00',
  snapshotWindow: '03:00-04:00',
  snapshotRetentionLimit: 0,
  autoMinorVersionUpgrade: true,
  notificationTopic: null,
  networkType: 'ipv4',
  ipDiscovery: 'ipv4',
  transitEncryption: 'off',
  dnsHash: 'abc123',
};

/** Stores an available replication group with a primary and one replica; the members' rows and nodes too. */
export async function storeGroup(
  { store, deps }: Fixture,
  id: string,
  changed: Partial<CacheSettings> = {},
  status = 'available',
): Promise<ReplicationGroup> {
  const now = deps.clock.now();
  const common = {
    ...scope,
    version: 1,
    status,
    tags: [],
    observed: nothingObserved,
    createdAt: now,
    updatedAt: now,
  };
  const group: ReplicationGroup = {
    ...common,
    kind: 'replication-group',
    id,
    incarnation: deps.ids.incarnation(),
    desired: {
      ...settings,
      ...changed,
      engine: 'valkey',
      description: '',
      clusterMode: 'disabled',
      automaticFailover: true,
      multiAz: false,
      atRestEncryption: false,
      kmsKeyId: null,
      snapshottingClusterId: null,
      durability: 'async',
      pending: {},
    },
  };
  const members = [1, 2].map(
    (number): CacheCluster => ({
      ...common,
      kind: 'cache-cluster',
      id: `${id}-00${number}`,
      incarnation: deps.ids.incarnation(),
      desired: clusterDesired({ ...settings, ...changed }, 1, id),
    }),
  );
  await store.commit([
    ...groupsStand(group.desired),
    { put: 'resource', row: group },
    ...members.map((row) => ({ put: 'resource', row }) as const),
    ...members.map(
      (row) => ({ put: 'node', row: nodeOf(deps, group.incarnation, row, '0001', id) }) as const,
    ),
  ]);
  return group;
}

/** `orders`, a primary and a replica that holds its data; automatic failover is off, if not said otherwise. */
export async function storePair(fixture: Fixture, changed: Partial<ReplicationGroupDesired> = {}) {
  const { store } = fixture;
  const group = await storeGroup(fixture, 'orders');
  const [first, second] = (await store.nodesOf([group.incarnation])).toSorted((a, b) =>
    a.cacheClusterId < b.cacheClusterId ? -1 : 1,
  );
  const desired = { ...group.desired, automaticFailover: false, ...changed };
  const row: ReplicationGroup = { ...group, version: 2, desired };
  const nodeGroup = {
    cacheIncarnation: group.incarnation,
    nodeGroupId: '0001',
    version: 1,
    status: 'available' as const,
    isFormed: true,
    slots: '',
    currentPrimary: first!.incarnation,
    targetPrimary: first!.incarnation,
  };
  await store.commit([
    { put: 'resource', row },
    { put: 'node-group', row: nodeGroup },
    { put: 'node', row: { ...second!, version: 2, synced: true } },
  ]);
  return row;
}

/** Stores an available Memcached cluster of two nodes, outside of any group. */
export async function storeMemcached(
  { store, deps }: Fixture,
  id: string,
  changed: Partial<CacheSettings> = {},
  status = 'available',
): Promise<CacheCluster> {
  const now = deps.clock.now();
  const memcached = {
    engine: 'memcached',
    engineVersion: '1.6.38',
    parameterGroupName: 'default.memcached1.6',
    configurations: [
      { ...configuration, parameterGroupName: 'default.memcached1.6', family: 'memcached1.6' },
    ],
  } as const;
  const row: CacheCluster = {
    ...scope,
    kind: 'cache-cluster',
    id,
    incarnation: deps.ids.incarnation(),
    version: 1,
    status,
    tags: [],
    observed: nothingObserved,
    createdAt: now,
    updatedAt: now,
    desired: clusterDesired({ ...settings, ...memcached, ...changed }, 2, null),
  };
  const nodes = ['0001', '0002'].map((nodeId) => nodeOf(deps, row.incarnation, row, nodeId, null));
  await store.commit([
    ...groupsStand(row.desired),
    { put: 'resource', row },
    ...nodes.map((node) => ({ put: 'node', row: node }) as const),
  ]);
  return row;
}

/** As the creation of a cache does it: refused when a group that it names is deleted meanwhile. */
function groupsStand({ parameterGroupName, subnetGroupName }: CacheSettings): readonly Change[] {
  const keys: readonly ResourceKey[] = [
    { ...scope, kind: 'parameter-group', id: parameterGroupName },
    { ...scope, kind: 'subnet-group', id: subnetGroupName },
  ];
  return keys.filter(({ id }) => !id.startsWith('default')).map((key) => ({ require: 'resource', key }));
}

function clusterDesired(
  common: CacheSettings,
  numCacheNodes: number,
  replicationGroupId: string | null,
): CacheCluster['desired'] {
  return {
    ...common,
    configurations: replicationGroupId === null ? common.configurations : [],
    replicationGroupId,
    nodeGroupId: replicationGroupId && '0001',
    preferredAvailabilityZone: `${region}a`,
    numCacheNodes,
    pending: {},
  };
}

function nodeOf(
  deps: ActionDeps,
  cacheIncarnation: string,
  cluster: CacheCluster,
  cacheNodeId: string,
  replicationGroupId: string | null,
): CacheNode {
  return {
    ...scope,
    incarnation: deps.ids.incarnation(),
    version: 1,
    cacheIncarnation,
    cacheClusterId: cluster.id,
    cacheNodeId,
    replicationGroupId,
    nodeGroupId: replicationGroupId && '0001',
    engine: cluster.desired.engine,
    ...onTarget,
    availabilityZone: `${region}a`,
    host: 'here',
    address: '127.100.7.1',
    port: cluster.desired.port,
    tls: false,
    status: 'available',
    intent: 'running',
    role: null,
    handle: null,
    synced: false,
    createdAt: deps.clock.now(),
  };
}
