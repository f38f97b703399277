/** What CreateReplicationGroup and CreateCacheCluster ask for alike: checked, with its defaults (behaviour.md §5). */
import type { LogDeliveryConfigurationRequest } from '@aws-sdk/client-elasticache';
import { nodeTypeFor } from '../../catalog/node-types.ts';
import { findDefaultParameterGroup } from '../../catalog/parameters.ts';
import type { Configuration } from '../../model/configuration.ts';
import { parseReference } from '../../model/identifiers.ts';
import { checkRange, snapshotRetentionMax } from '../../model/limits.ts';
import {
  type Cache,
  type CacheSettings,
  type Engine,
  type NotificationTopic,
  referencesOf,
  type TransitEncryption,
} from '../../model/resource.ts';
import { invalidCombination, invalidValue, ServiceError } from '../../model/service-errors.ts';
import {
  checkWindowsApart,
  defaultMaintenanceWindow,
  defaultSnapshotWindow,
  parseMaintenanceWindow,
  parseSnapshotWindow,
} from '../../model/windows.ts';
import type { Change } from '../../store/contract.ts';
import type { ActionContext, ActionDeps } from '../action.ts';
import { requireSubnetGroup } from './default-groups.ts';
import { withLogDelivery } from './log-delivery.ts';
import { blank, notYet } from './refusals.ts';
import { resourceKey } from './rows.ts';

/** The members of both inputs, as the wire has them. */
interface CacheInput {
  readonly CacheNodeType?: string | undefined;
  readonly CacheSubnetGroupName?: string | undefined;
  readonly CacheSecurityGroupNames?: readonly string[] | undefined;
  readonly SecurityGroupIds?: readonly string[] | undefined;
  readonly PreferredMaintenanceWindow?: string | undefined;
  readonly SnapshotWindow?: string | undefined;
  readonly SnapshotRetentionLimit?: number | undefined;
  readonly Port?: number | undefined;
  readonly NotificationTopicArn?: string | undefined;
  readonly AutoMinorVersionUpgrade?: boolean | undefined;
  readonly NetworkType?: string | undefined;
  readonly IpDiscovery?: string | undefined;
  readonly TransitEncryptionEnabled?: boolean | undefined;
  readonly TransitEncryptionMode?: string | undefined;
  readonly LogDeliveryConfigurations?: readonly LogDeliveryConfigurationRequest[] | undefined;
}

const defaultPorts: Readonly<Record<Engine, number>> = { valkey: 6379, redis: 6379, memcached: 11211 };

/** What was resolved before: engine, version and parameter group depend on each other and on the kind of cache. */
interface ResolvedEngineSettings {
  readonly engine: Engine;
  readonly engineVersion: string;
  readonly parameterGroupName: string;
  readonly configurations: readonly Configuration[];
}

export async function cacheSettings<E extends ResolvedEngineSettings>(
  deps: ActionDeps,
  context: ActionContext,
  input: CacheInput,
  resolved: E,
): Promise<CacheSettings & E> {
  const { engine, engineVersion } = resolved;
  if (input.CacheNodeType === undefined) throw blank('CacheNodeType');
  const type = nodeTypeFor(input.CacheNodeType, engine, engineVersion);
  const port = input.Port ?? defaultPorts[engine];
  checkRange('Port', port, 1024, 65_535);
  const retention = input.SnapshotRetentionLimit ?? 0;
  checkRange('SnapshotRetentionLimit', retention, 0, snapshotRetentionMax);
  const subnetGroup = await requireSubnetGroup(
    deps.store,
    context,
    parseReference(input.CacheSubnetGroupName ?? 'default', 'CacheSubnetGroupName'),
  );
  checkNetwork(input);
  checkSecurityGroups(input);
  return {
    ...resolved,
    ...windows(deps, context, input),
    cacheNodeType: type.name,
    subnetGroupName: subnetGroup.id,
    securityGroupNames: await securityGroups(deps, context, input.CacheSecurityGroupNames ?? []),
    securityGroupIds: input.SecurityGroupIds ?? [],
    port,
    snapshotRetentionLimit: retention,
    autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? true,
    notificationTopic: topic(input.NotificationTopicArn),
    networkType: 'ipv4',
    ipDiscovery: 'ipv4',
    transitEncryption: transitEncryption(input),
    logDelivery: withLogDelivery(resolved, input.LogDeliveryConfigurations ?? [], deps.clock.now()),
    dnsHash: deps.ids.dnsHash(),
  };
}

/** `required` unless said otherwise. A mode without encryption is a mistake that would leave the cache open. */
function transitEncryption({
  TransitEncryptionEnabled: isEnabled = false,
  TransitEncryptionMode: mode,
}: CacheInput): TransitEncryption {
  if (mode !== undefined && !isEnabled)
    throw invalidCombination('TransitEncryptionMode needs TransitEncryptionEnabled to be true.');
  if (mode !== undefined && mode !== 'required') throw notYet('TransitEncryptionMode', mode, 'required');
  return isEnabled ? 'required' : 'off';
}

/** The windows of a new cache: those given must not meet, those not given are chosen apart. */
function windows(deps: ActionDeps, context: ActionContext, input: CacheInput) {
  const snapshotGiven =
    input.SnapshotWindow === undefined ? undefined : parseSnapshotWindow(input.SnapshotWindow);
  const maintenance =
    input.PreferredMaintenanceWindow === undefined
      ? defaultMaintenanceWindow(context.region, deps.ids.random(), snapshotGiven)
      : parseMaintenanceWindow(input.PreferredMaintenanceWindow);
  const snapshot = snapshotGiven ?? defaultSnapshotWindow(context.region, deps.ids.random(), maintenance);
  if (snapshotGiven) checkWindowsApart(maintenance, snapshotGiven);
  return { maintenanceWindow: maintenance.text, snapshotWindow: snapshot.text };
}

export function topic(arn: string | undefined): NotificationTopic | null {
  if (arn === undefined || arn === '') return null;
  if (!/^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/.test(arn))
    throw invalidValue(`NotificationTopicArn is not the ARN of an SNS topic: ${arn}`);
  return { arn, status: 'active' };
}

/** Legacy groups must exist, but for `default`, which every account has; EC2's own ids are echoed. */
export async function securityGroups(
  deps: Pick<ActionDeps, 'store'>,
  context: ActionContext,
  names: readonly string[],
): Promise<readonly string[]> {
  const ids = names.map((name) => parseReference(name, 'CacheSecurityGroupNames'));
  for (const id of ids) {
    if (id !== 'default' && !(await deps.store.resource(resourceKey(context, 'security-group', id))))
      throw new ServiceError('CacheSecurityGroupNotFound', `Cache security group ${id} does not exist.`);
  }
  return ids;
}

/** The old cache security groups were for networks without subnets: ElastiCache refuses both kinds together. */
export function checkSecurityGroups(
  input: Pick<CacheInput, 'CacheSecurityGroupNames' | 'SecurityGroupIds' | 'CacheSubnetGroupName'>,
): void {
  const { CacheSecurityGroupNames: names = [], SecurityGroupIds: ids = [] } = input;
  if (names.length > 0 && (ids.length > 0 || input.CacheSubnetGroupName !== undefined))
    throw invalidCombination(
      'Use of cache security groups is not permitted along with cache subnet group and/or security group Ids.',
    );
}

/**
 * For the commit of a row that names groups: refused when somebody deleted one of them meanwhile. The service's own
 * groups cannot go, and are not stored.
 */
export function groupsStand(cache: Pick<Cache, 'kind' | 'account' | 'region' | 'desired'>): Change[] {
  return referencesOf(cache)
    .filter(
      ({ kind, id }) => id !== 'default' && !(kind === 'parameter-group' && findDefaultParameterGroup(id)),
    )
    .map(({ kind, id }) => ({ require: 'resource', key: resourceKey(cache, kind, id) }));
}

function checkNetwork(input: CacheInput): void {
  if (input.NetworkType !== undefined && input.NetworkType !== 'ipv4')
    throw notYet('NetworkType', input.NetworkType, 'ipv4');
  if (input.IpDiscovery !== undefined && input.IpDiscovery !== 'ipv4')
    throw notYet('IpDiscovery', input.IpDiscovery, 'ipv4');
}
