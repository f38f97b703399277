/** What ModifyReplicationGroup and ModifyCacheCluster change alike, at once and without touching a node. */
import type { LogDeliveryConfigurationRequest } from '@aws-sdk/client-elasticache';
import { checkRange, snapshotRetentionMax } from '../../model/limits.ts';
import type { CacheSettings } from '../../model/resource.ts';
import { invalidCombination, invalidValue } from '../../model/service-errors.ts';
import { checkWindowsApart, parseMaintenanceWindow, parseSnapshotWindow } from '../../model/windows.ts';
import type { ActionContext, ActionDeps } from '../action.ts';
import { checkSecurityGroups, securityGroups, topic } from './cache-settings.ts';
import { withLogDelivery } from './log-delivery.ts';
import { refuseNotYet } from './refusals.ts';

interface ModifyInput {
  readonly CacheSecurityGroupNames?: readonly string[] | undefined;
  readonly SecurityGroupIds?: readonly string[] | undefined;
  readonly PreferredMaintenanceWindow?: string | undefined;
  readonly NotificationTopicArn?: string | undefined;
  readonly NotificationTopicStatus?: string | undefined;
  readonly AutoMinorVersionUpgrade?: boolean | undefined;
  readonly SnapshotRetentionLimit?: number | undefined;
  readonly SnapshotWindow?: string | undefined;
  readonly IpDiscovery?: string | undefined;
  readonly LogDeliveryConfigurations?: readonly LogDeliveryConfigurationRequest[] | undefined;
}

type Changed = Partial<Omit<CacheSettings, 'engine'>>;

/** Only what the request names; empty when it names none of these. */
export async function modifiedSettings(
  deps: ActionDeps,
  context: ActionContext,
  current: CacheSettings,
  input: ModifyInput,
): Promise<Changed> {
  if (input.IpDiscovery !== undefined && input.IpDiscovery !== 'ipv4') refuseNotYet(input, ['IpDiscovery']);
  const { SecurityGroupIds, CacheSecurityGroupNames, SnapshotRetentionLimit } = input;
  const { LogDeliveryConfigurations: logs = [] } = input;
  if (SnapshotRetentionLimit !== undefined) {
    checkRange('SnapshotRetentionLimit', SnapshotRetentionLimit, 0, snapshotRetentionMax);
    if (current.engine === 'memcached' && SnapshotRetentionLimit > 0)
      throw invalidCombination(
        'SnapshotRetentionLimit is not available with memcached, which has no snapshots.',
      );
  }
  checkSecurityGroups(input);
  return {
    ...modifiedWindows(current, input),
    ...modifiedTopic(current, input),
    ...(SecurityGroupIds === undefined ? {} : { securityGroupIds: SecurityGroupIds }),
    ...(CacheSecurityGroupNames === undefined
      ? {}
      : { securityGroupNames: await securityGroups(deps, context, CacheSecurityGroupNames) }),
    ...(input.AutoMinorVersionUpgrade === undefined
      ? {}
      : { autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade }),
    ...(SnapshotRetentionLimit === undefined ? {} : { snapshotRetentionLimit: SnapshotRetentionLimit }),
    ...(logs.length === 0 ? {} : { logDelivery: withLogDelivery(current, logs, deps.clock.now()) }),
  };
}

function modifiedWindows(current: CacheSettings, input: ModifyInput): Changed {
  const { PreferredMaintenanceWindow: maintenance, SnapshotWindow: snapshot } = input;
  if (maintenance === undefined && snapshot === undefined) return {};
  const parsed = parseMaintenanceWindow(maintenance ?? current.maintenanceWindow);
  const other = parseSnapshotWindow(snapshot ?? current.snapshotWindow);
  checkWindowsApart(parsed, other);
  return {
    ...(maintenance === undefined ? {} : { maintenanceWindow: parsed.text }),
    ...(snapshot === undefined ? {} : { snapshotWindow: other.text }),
  };
}

function modifiedTopic(current: CacheSettings, input: ModifyInput): Changed {
  const { NotificationTopicArn: arn, NotificationTopicStatus: status } = input;
  if (arn === undefined && status === undefined) return {};
  // The empty text changes nothing (§29): NotificationTopicStatus turns a topic off.
  const chosen = arn === undefined || arn === '' ? current.notificationTopic : topic(arn);
  if (status !== undefined && status !== 'active' && status !== 'inactive')
    throw invalidValue(`NotificationTopicStatus is ${status}; it can be active or inactive.`);
  if (!chosen) {
    if (status === undefined) return { notificationTopic: null };
    throw invalidCombination('NotificationTopicStatus needs a NotificationTopicArn: the cache has no topic.');
  }
  return { notificationTopic: { ...chosen, status: status ?? chosen.status } };
}

/** True when nothing of `changed` differs from what is. */
export function isUnchanged(current: object, changed: object): boolean {
  return Object.entries(changed).every(
    ([name, value]) =>
      JSON.stringify((current as Readonly<Record<string, unknown>>)[name]) === JSON.stringify(value),
  );
}
