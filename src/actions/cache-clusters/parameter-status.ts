/** Whether nodes run with their parameter group's values (behaviour.md §10), as their own rows say. Pure. */
import { changesBetween } from '../../catalog/configuration-changes.ts';
import { type Configuration, newestConfiguration } from '../../model/configuration.ts';
import type { CacheNode } from '../../model/node.ts';

/**
 * `in-sync`: the node runs with all values of its group. `applying`: it gets some in a moment, or at its next start.
 * `pending-reboot`: it gets some with a reboot.
 */
type ParameterStatus = 'in-sync' | 'applying' | 'pending-reboot';

export function parameterStatusOf(
  settings: { readonly configurations: readonly Configuration[] },
  { target, started, applied }: Pick<CacheNode, 'target' | 'started' | 'applied'>,
): ParameterStatus {
  // A new node gets the newest configuration with its first start.
  if (!started) return 'in-sync';
  const newest = { ...target, configVersion: newestConfiguration(settings).version };
  const needRestart = changesBetween(settings, started, newest)?.['requires-reboot'];
  if (!needRestart || needRestart.length > 0) return 'pending-reboot';
  const open = changesBetween(settings, applied, newest)?.immediate;
  return !open || open.length > 0 ? 'applying' : 'in-sync';
}

/** The status of several nodes together: what is left to do for any of them. */
export function worstStatus(statuses: readonly ParameterStatus[]): ParameterStatus {
  if (statuses.includes('pending-reboot')) return 'pending-reboot';
  return statuses.includes('applying') ? 'applying' : 'in-sync';
}
