/**
 * What a changed parameter group means for the caches that use it: each gets its next configuration, and an operation
 * `apply-parameters` that makes it the target of every node. Rules: spec/behaviour.md §10.
 */
import { withNextConfiguration } from '../../model/configuration.ts';
import type { Cache, ParameterGroup } from '../../model/resource.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import type { ActionDeps } from '../action.ts';
import { configurationFrom } from '../shared/default-groups.ts';
import { nextVersion } from '../shared/rows.ts';

export function applyToCaches(
  deps: ActionDeps,
  group: ParameterGroup,
  caches: readonly Cache[],
): readonly Change[] {
  const now = deps.clock.now();
  return caches
    .filter((cache) => !['deleting', 'create-failed'].includes(cache.status))
    .flatMap((cache): Change[] => [
      { put: 'resource', row: configured(cache, group, now) },
      enqueue(deps, 'apply-parameters', cache, { modifies: false }),
    ]);
}

function configured(cache: Cache, group: ParameterGroup, now: number): Cache {
  const configurations = withNextConfiguration(cache.desired, configurationFrom(group));
  const desired = { ...cache.desired, configurations };
  return nextVersion<Cache['kind']>(cache, now, { desired }) as Cache;
}
