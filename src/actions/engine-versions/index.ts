import type { ActionDeps } from '../action.ts';
import { describeCacheEngineVersions } from './describe-cache-engine-versions.ts';

export const engineVersionActions = (deps: ActionDeps) => ({
  DescribeCacheEngineVersions: describeCacheEngineVersions(deps),
});
