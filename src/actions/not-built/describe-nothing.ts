/**
 * Lists of the kinds that are not built yet. None can be made, so that an empty list is the truth: programs that look
 * around (inventories, Terraform's data sources) go on. A request for one by its id is answered that there is none.
 */
import type {
  DescribeGlobalReplicationGroupsMessage,
  DescribeGlobalReplicationGroupsResult,
  DescribeServerlessCacheSnapshotsRequest,
  DescribeServerlessCacheSnapshotsResponse,
  DescribeServerlessCachesRequest,
  DescribeServerlessCachesResponse,
  DescribeServiceUpdatesMessage,
  DescribeSnapshotsListMessage,
  DescribeSnapshotsMessage,
  DescribeUpdateActionsMessage,
  DescribeUserGroupsMessage,
  DescribeUserGroupsResult,
  DescribeUsersMessage,
  DescribeUsersResult,
  ServiceUpdatesMessage,
  UpdateActionsMessage,
} from '@aws-sdk/client-elasticache';
import { parseReference } from '../../model/identifiers.ts';
import { parsePage, parseTokenPage, snapshotPageSizes } from '../../model/paging.ts';
import { ServiceError, type ServiceErrorCode } from '../../model/service-errors.ts';
import type { Action, ActionDeps } from '../action.ts';
import { requireCacheCluster } from '../shared/look-ups.ts';

export const describeSnapshots =
  (deps: ActionDeps): Action<DescribeSnapshotsMessage, DescribeSnapshotsListMessage> =>
  async (input, context) => {
    parsePage(input, snapshotPageSizes);
    refuseId('SnapshotName', input.SnapshotName, 'SnapshotNotFoundFault');
    if (input.CacheClusterId !== undefined) {
      const id = parseReference(input.CacheClusterId, 'CacheClusterId');
      await requireCacheCluster(deps.store, context, id);
    }
    return { Snapshots: [] };
  };

export const describeServerlessCaches =
  (): Action<DescribeServerlessCachesRequest, DescribeServerlessCachesResponse> => async (input) => {
    parseTokenPage(input);
    refuseId('ServerlessCacheName', input.ServerlessCacheName, 'ServerlessCacheNotFoundFault');
    return { ServerlessCaches: [] };
  };

export const describeServerlessCacheSnapshots =
  (): Action<DescribeServerlessCacheSnapshotsRequest, DescribeServerlessCacheSnapshotsResponse> =>
  async (input) => {
    parseTokenPage(input);
    const { ServerlessCacheSnapshotName: snapshot, ServerlessCacheName: cache } = input;
    refuseId('ServerlessCacheSnapshotName', snapshot, 'ServerlessCacheSnapshotNotFoundFault');
    refuseId('ServerlessCacheName', cache, 'ServerlessCacheNotFoundFault');
    return { ServerlessCacheSnapshots: [] };
  };

export const describeUsers = (): Action<DescribeUsersMessage, DescribeUsersResult> => async (input) => {
  parsePage(input);
  refuseId('UserId', input.UserId, 'UserNotFound');
  return { Users: [] };
};

export const describeUserGroups =
  (): Action<DescribeUserGroupsMessage, DescribeUserGroupsResult> => async (input) => {
    parsePage(input);
    refuseId('UserGroupId', input.UserGroupId, 'UserGroupNotFound');
    return { UserGroups: [] };
  };

export const describeGlobalReplicationGroups =
  (): Action<DescribeGlobalReplicationGroupsMessage, DescribeGlobalReplicationGroupsResult> =>
  async (input) => {
    parsePage(input);
    const { GlobalReplicationGroupId: id } = input;
    refuseId('GlobalReplicationGroupId', id, 'GlobalReplicationGroupNotFoundFault');
    return { GlobalReplicationGroups: [] };
  };

export const describeServiceUpdates =
  (): Action<DescribeServiceUpdatesMessage, ServiceUpdatesMessage> => async (input) => {
    parsePage(input);
    refuseId('ServiceUpdateName', input.ServiceUpdateName, 'ServiceUpdateNotFoundFault');
    return { ServiceUpdates: [] };
  };

/** Filters by caches and by the name of an update: what does not match is no error. */
export const describeUpdateActions =
  (): Action<DescribeUpdateActionsMessage, UpdateActionsMessage> => async (input) => {
    parsePage(input);
    return { UpdateActions: [] };
  };

function refuseId(parameterName: string, value: string | undefined, code: ServiceErrorCode): void {
  if (value === undefined) return;
  const id = parseReference(value, parameterName);
  throw new ServiceError(code, `${parameterName} ${id.slice(0, 255)} not found.`);
}
