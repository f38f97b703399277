/** Every action that is built, by its name in the API. What is missing here answers InvalidAction. */
import type { ActionDeps } from './action.ts';
import { cacheClusterActions } from './cache-clusters/index.ts';
import { engineVersionActions } from './engine-versions/index.ts';
import { eventActions } from './events/index.ts';
import { nodeTypeActions } from './node-types/index.ts';
import { notBuiltActions } from './not-built/index.ts';
import { parameterGroupActions } from './parameter-groups/index.ts';
import { replicationGroupActions } from './replication-groups/index.ts';
import { reservedNodeActions } from './reserved-nodes/index.ts';
import { securityGroupActions } from './security-groups/index.ts';
import { subnetGroupActions } from './subnet-groups/index.ts';
import { tagActions } from './tags/index.ts';

/** A folder per family of ElastiCache's actions; each lists its own. */
export const createActions = (deps: ActionDeps) => ({
  ...cacheClusterActions(deps),
  ...engineVersionActions(deps),
  ...eventActions(deps),
  ...nodeTypeActions(deps),
  ...notBuiltActions(deps),
  ...parameterGroupActions(deps),
  ...replicationGroupActions(deps),
  ...reservedNodeActions(deps),
  ...securityGroupActions(deps),
  ...subnetGroupActions(deps),
  ...tagActions(deps),
});
