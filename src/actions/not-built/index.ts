import type { ActionDeps } from '../action.ts';
import {
  describeGlobalReplicationGroups,
  describeServerlessCacheSnapshots,
  describeServerlessCaches,
  describeServiceUpdates,
  describeSnapshots,
  describeUpdateActions,
  describeUserGroups,
  describeUsers,
} from './describe-nothing.ts';

/** Each goes to its family's folder when the family is built. */
export const notBuiltActions = (deps: ActionDeps) => ({
  DescribeGlobalReplicationGroups: describeGlobalReplicationGroups(),
  DescribeServerlessCacheSnapshots: describeServerlessCacheSnapshots(),
  DescribeServerlessCaches: describeServerlessCaches(),
  DescribeServiceUpdates: describeServiceUpdates(),
  DescribeSnapshots: describeSnapshots(deps),
  DescribeUpdateActions: describeUpdateActions(),
  DescribeUserGroups: describeUserGroups(),
  DescribeUsers: describeUsers(),
});
