/**
 * Brings a running node to its target configuration, as far as it goes without a restart. It does not matter who made the
 * difference: a parameter that was changed while the node was up, down or about to be made, or a Limber that died in the
 * middle. What needs a restart comes with the next one, whoever asks for that.
 */
import { changesBetween } from '../../../catalog/configuration-changes.ts';
import { parameterGroupApplied, parameterNotApplied, parameterUpdated } from '../../../catalog/events.ts';
import { applyClientAuth } from '../../../engines/valkey/access-control.ts';
import { applyParameters } from '../../../engines/valkey/parameters.ts';
import { clientAuth, nodeParameters, nodeSettings } from '../../../fleet/parameters.ts';
import { updateNode } from '../../../fleet/start-node.ts';
import { configurationOf } from '../../../model/configuration.ts';
import { type CacheNode, isSameProcess } from '../../../model/node.ts';
import type { Cache } from '../../../model/resource.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { Change } from '../../../store/contract.ts';
import type { ShardContext } from '../context.ts';
import { memberEvent } from '../record.ts';

/** A parameter that the engine did not take, and why. */
interface Refused {
  readonly parameter: string;
  readonly reason: string;
}

export async function applyConfig(context: ShardContext, cache: Cache, node: CacheNode): Promise<void> {
  const { cacheNodeType, configVersion } = node.target;
  // Nothing of a Memcached node can be changed while it runs: it waits for its restart.
  const refused = node.engine === 'memcached' ? [] : await applySettings(context, cache, node);
  faultPoint('apply-config:applied');
  await updateNode(
    context.fleet,
    node.incarnation,
    (row) =>
      isSameProcess(row.handle, node.handle) ? { ...row, applied: { cacheNodeType, configVersion } } : row,
    [...parameterUpdates(context, cache, node, refused), ...refusals(context, node, refused)],
  );
}

async function applySettings({ fleet }: ShardContext, cache: Cache, node: CacheNode): Promise<Refused[]> {
  const { started, target } = node;
  // The process has the directives of the version that it was started with, whatever it is to run next.
  const engineVersion = started?.engineVersion ?? target.engineVersion;
  const settings = nodeSettings(cache, { ...target, engineVersion }).settings.filter(
    ({ needsRestart }) => !needsRestart,
  );
  const connection = await fleet.connections.of(node);
  await applyClientAuth(connection, clientAuth(cache, target));
  const refused = await applyParameters(
    connection,
    settings.map(({ directive, value }) => [directive, value] as const),
  );
  return refused.flatMap(({ directive, reason }) => {
    fleet.log.error('an engine refuses a parameter of its configuration', {
      node: node.cacheClusterId,
      directive,
      reason,
    });
    const parameters = settings.find((one) => one.directive === directive)?.parameters ?? [directive];
    return parameters.map((parameter) => ({ parameter, reason }));
  });
}

/** An event for each parameter of a node that has another value than the node was known to run with, and for another group. */
export function parameterUpdates(
  context: ShardContext,
  cache: Cache,
  node: CacheNode,
  refused: readonly Refused[] = [],
): Change[] {
  const { applied: from, started, target } = node;
  if (!from) return [];
  const [before, after] = [from, target].map(
    ({ configVersion }) => configurationOf(cache.desired, configVersion)?.parameterGroupName,
  );
  const exchanged =
    before !== undefined && after !== undefined && before !== after
      ? [memberEvent(context, node, parameterGroupApplied(after))]
      : [];
  if (node.engine === 'memcached') return exchanged;
  const values = nodeParameters(cache, target);
  const engineVersion = started?.engineVersion ?? target.engineVersion;
  const skipped = [...nodeSettings(cache, { ...target, engineVersion }).notApplied, ...refused];
  const changed = changesBetween(cache.desired, from, target)?.immediate ?? [];
  const updated = changed.filter((name) => !skipped.some(({ parameter }) => parameter === name));
  return [
    ...exchanged,
    ...updated.map((name) => memberEvent(context, node, parameterUpdated(name, values[name] ?? ''))),
  ];
}

const refusals = (context: ShardContext, node: CacheNode, refused: readonly Refused[]): Change[] =>
  refused.map(({ parameter, reason }) =>
    memberEvent(context, node, parameterNotApplied('cache-cluster', parameter, reason)),
  );
