/** CreateCacheCluster: a Memcached cluster of 1–40 nodes, or a single Valkey/Redis node. Rules: behaviour.md §5. */
import type { CreateCacheClusterMessage, CreateCacheClusterResult } from '@aws-sdk/client-elasticache';
import { parseEngine } from '../../catalog/engine-versions.ts';
import { parseCacheClusterId } from '../../model/identifiers.ts';
import { checkQuota, checkRange, memcachedNodesMax, quotas } from '../../model/limits.ts';
import { type CacheCluster, type CacheClusterDesired, nothingObserved } from '../../model/resource.ts';
import { invalidCombination, invalidValue } from '../../model/service-errors.ts';
import { parseTags } from '../../model/tags.ts';
import { parseZone, placeMemcachedNodes, shownZone, zonesOf } from '../../model/zones.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { cacheSettings, groupsStand } from '../shared/cache-settings.ts';
import { creationNotes } from '../shared/creation-notes.ts';
import { chooseEngine } from '../shared/engine-choice.ts';
import { cacheClusterExists } from '../shared/look-ups.ts';
import { blank, noAuthToken, refuseNotYet } from '../shared/refusals.ts';
import { resourceKey } from '../shared/rows.ts';
import { answerCluster } from './describe-cache-clusters.ts';
import { joinGroup } from './join-group.ts';

const notBuilt = [
  'SnapshotArns',
  'SnapshotName',
  'OutpostMode',
  'PreferredOutpostArn',
  'PreferredOutpostArns',
  'TransitEncryptionEnabled',
];

export const createCacheCluster =
  (deps: ActionDeps): Action<CreateCacheClusterMessage, CreateCacheClusterResult> =>
  async (input, context) => {
    if (input.ReplicationGroupId !== undefined) return joinGroup(deps)(input, context);
    const id = parseCacheClusterId(input.CacheClusterId ?? '');
    refuseNotYet(input, notBuilt);
    const cluster = await commitPlanned(deps.store, async () => {
      const { desired, zones, note, runs } = await desiredOf(deps, context, input);
      const row = newCluster(deps, context, id, { desired, runs }, input);
      await checkFree(deps, context, id, zones.length);
      const isReplicating = desired.engine !== 'memcached';
      const changes: Change[] = [
        ...groupsStand(row),
        { put: 'resource', row },
        ...(isReplicating ? [onlyNodeGroup(row)] : []),
        ...creationNotes(row, {
          note,
          lacksNames: !isReplicating && deps.dnsZone === null,
          now: deps.clock.now(),
        }),
        enqueue(deps, 'create-cache', row, { zones }),
      ];
      return { changes, result: row };
    });
    deps.queue.wake();
    return { CacheCluster: await answerCluster(deps, cluster) };
  };

/** A single node leads a shard of one, so that it is looked after like every other. */
function onlyNodeGroup(cluster: CacheCluster): Change {
  return {
    put: 'node-group',
    row: {
      cacheIncarnation: cluster.incarnation,
      nodeGroupId: '0001',
      version: 1,
      status: 'creating',
      isFormed: true,
      slots: '',
      currentPrimary: null,
      targetPrimary: null,
    },
  };
}

async function desiredOf(deps: ActionDeps, context: ActionContext, input: CreateCacheClusterMessage) {
  if (input.Engine === undefined) throw blank('Engine');
  const engine = parseEngine(input.Engine);
  if (engine === 'valkey' && !deps.allowValkeyCacheClusters)
    throw invalidValue(
      "This API doesn't support Valkey engine. Please use CreateReplicationGroup API for Valkey cluster creation.",
    );
  const { note, runs, clusterMode, ...choice } = await chooseEngine(deps, context, {
    engine,
    engineVersion: input.EngineVersion,
    parameterGroupName: input.CacheParameterGroupName,
    clusterMode: undefined,
  });
  if (clusterMode === 'enabled')
    throw invalidCombination(
      `The parameter group ${choice.parameterGroupName} has cluster mode enabled, which needs CreateReplicationGroup.`,
    );
  if (input.AuthToken !== undefined) throw noAuthToken(engine);
  const nodes = countNodes(engine, input.NumCacheNodes);
  const zones = zonesOfNodes(engine, nodes, context.region, input);
  const settings = await cacheSettings(deps, context, input, choice);
  if (engine === 'memcached' && settings.snapshotRetentionLimit > 0)
    throw invalidCombination(
      'SnapshotRetentionLimit is not available with memcached, which has no snapshots.',
    );
  const desired: CacheClusterDesired = {
    ...settings,
    replicationGroupId: null,
    nodeGroupId: null,
    preferredAvailabilityZone: shownZone(zones),
    numCacheNodes: nodes,
    pending: {},
  };
  return { desired, zones, note, runs };
}

function countNodes(engine: string, asked: number | undefined): number {
  if (engine !== 'memcached') {
    if (asked !== undefined && asked !== 1)
      throw invalidValue(`NumCacheNodes should be 1 if engine is ${engine}; it is ${asked}.`);
    return 1;
  }
  if (asked === undefined) throw blank('NumCacheNodes');
  if (asked > memcachedNodesMax) checkQuota(quotas.memcachedNodesPerCluster, 0, asked);
  checkRange('NumCacheNodes', asked, 1, memcachedNodesMax);
  return asked;
}

/** The zone of each node, in order. */
function zonesOfNodes(
  engine: string,
  nodes: number,
  region: string,
  input: CreateCacheClusterMessage,
): readonly string[] {
  const { AZMode: mode, PreferredAvailabilityZone: one, PreferredAvailabilityZones: each = [] } = input;
  if (mode === 'cross-az' && (engine !== 'memcached' || nodes < 2))
    throw invalidCombination('AZMode cross-az needs memcached and at least 2 nodes.');
  if (each.length > 0) {
    if (one !== undefined)
      throw invalidCombination(
        'PreferredAvailabilityZone and PreferredAvailabilityZones exclude each other.',
      );
    if (each.length !== nodes)
      throw invalidCombination(`PreferredAvailabilityZones has ${each.length} zones for ${nodes} nodes.`);
    const zones = each.map((zone) => parseZone(zone, region));
    if (mode === 'single-az' && new Set(zones).size > 1)
      throw invalidCombination('AZMode single-az allows one availability zone only.');
    return zones;
  }
  if (mode === 'cross-az') return placeMemcachedNodes(region, 'cross-az', nodes);
  const zone = one === undefined ? (zonesOf(region)[0] as string) : parseZone(one, region);
  return Array<string>(nodes).fill(zone);
}

function newCluster(
  deps: ActionDeps,
  { account, region }: ActionContext,
  id: string,
  { desired, runs }: { readonly desired: CacheClusterDesired; readonly runs: string },
  input: CreateCacheClusterMessage,
): CacheCluster {
  const now = deps.clock.now();
  return {
    kind: 'cache-cluster',
    account,
    region,
    id,
    incarnation: deps.ids.incarnation(),
    version: 1,
    status: 'creating',
    tags: parseTags(input.Tags ?? []),
    desired,
    observed: { ...nothingObserved, runningVersion: runs },
    createdAt: now,
    updatedAt: now,
  };
}

async function checkFree(deps: ActionDeps, context: ActionContext, id: string, nodes: number): Promise<void> {
  if (await deps.store.resource(resourceKey(context, 'cache-cluster', id))) throw cacheClusterExists();
  checkQuota(quotas.nodesPerRegion, await deps.store.countNodes(context), nodes);
}
