/**
 * Immediate parameters of a changed parameter group on the running nodes of one cache. Nodes that do not run get them
 * at their next start; Memcached reads everything at its start only.
 */
import { settingsToChange } from '../catalog/engine-settings.ts';
import { parameterNotApplied, parameterUpdated } from '../catalog/events.ts';
import { applyParameters } from '../engines/valkey/parameters.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, hasReplication, loadCacheView } from '../fleet/cache-view.ts';
import { cacheParameters, cacheSettings } from '../fleet/parameters.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { Change } from '../store/contract.ts';
import { connectionTo } from './connection-to.ts';
import { giveUpChange } from './give-up.ts';
import {
  act,
  type Decision,
  fail,
  finish,
  go,
  type OperationKind,
  queuedAs,
  type Tries,
} from './operation-kind.ts';
import { withStatus } from './rows.ts';
import type { Tools } from './tools.ts';

export type ApplyParametersInput = OperationInput<'apply-parameters'>;

export interface ApplyParametersState {
  readonly step: 'applying' | 'recording';
}

export interface ApplyParametersSeen {
  readonly view: CacheView | null;
  readonly values: Readonly<Record<string, string>>;
  readonly notApplied: readonly { readonly parameter: string; readonly reason: string }[];
  readonly now: number;
}

const attemptsMax = 5;

export function applyParametersKind(
  tools: Tools,
): OperationKind<ApplyParametersInput, ApplyParametersState, ApplyParametersSeen, 'apply'> {
  const { fleet } = tools;
  return {
    ...queuedAs('apply-parameters'),
    first: () => ({ step: 'applying' }),
    async observe(input) {
      const view = await loadCacheView(fleet.store, input);
      const now = fleet.clock.now();
      if (!view) return { view, values: {}, notApplied: [], now };
      const { effective } = await cacheParameters(fleet.store, view.cache);
      const version = view.cache.observed.runningVersion ?? view.cache.desired.engineVersion;
      const { notApplied } = hasReplication(view.cache)
        ? await cacheSettings(fleet.store, view.cache, version)
        : { notApplied: [] };
      return { view, values: effective, notApplied, now };
    },
    decide: decideApplyParameters,
    giveUp: (input, reason) => giveUpChange(tools, 'The change of parameters', input, reason),
    async perform(_apply, input, signal) {
      const view = await loadCacheView(fleet.store, input);
      if (view) await apply(tools, view, input, signal);
    },
  };
}

export function decideApplyParameters(
  input: ApplyParametersInput,
  state: ApplyParametersState,
  seen: ApplyParametersSeen,
  tries: Tries,
): Decision<ApplyParametersState, 'apply'> {
  const { view } = seen;
  if (!view || view.cache.status === 'deleting') return finish('the cache is gone');
  if (state.step === 'recording')
    return finish(`${input.names.join(', ')} applied to ${input.cacheId}`, recorded(view, input, seen));
  if (tries.attempts >= attemptsMax)
    return fail(
      `the parameters were refused: ${tries.lastError?.message}`,
      refused(view, input, seen, tries),
    );
  if (tries.successes > 0) return go({ step: 'recording' }, 'every running node has the values');
  return act('apply', `${input.names.join(', ')} are applied`, 30_000);
}

async function apply(
  tools: Tools,
  view: CacheView,
  input: ApplyParametersInput,
  signal: AbortSignal,
): Promise<void> {
  if (!hasReplication(view.cache)) return;
  const running = view.nodes.filter((node) => node.intent === 'running' && node.handle);
  await Promise.all(running.map((node) => applyToNode(tools, view, node, input.names, signal)));
}

async function applyToNode(
  { fleet }: Tools,
  view: CacheView,
  node: CacheNode,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { settings } = await cacheSettings(fleet.store, view.cache, node.engineVersion);
  const wanted = settingsToChange(settings, names).map(({ directive, value }) => [directive, value] as const);
  const state = node.handle && fleet.runtime.inspect(node.handle);
  // A dead node reads the values when it starts again.
  if (!state || state.kind === 'gone' || state.kind === 'zombie') return;
  await applyParameters(await connectionTo(fleet, node, signal), wanted);
}

function recorded(view: CacheView, input: ApplyParametersInput, seen: ApplyParametersSeen): Change[] {
  const { cache } = view;
  const waits = cache.observed.cacheNodeIdsToReboot.length > 0;
  const skipped = seen.notApplied.filter(({ parameter }) => input.names.includes(parameter));
  return [
    {
      put: 'resource',
      row: withStatus(cache, cache.status, seen.now, {
        parameterApplyStatus: waits ? 'pending-reboot' : 'in-sync',
      }),
    },
    ...view.clusters.flatMap((cluster) =>
      input.names
        .filter((name) => !skipped.some(({ parameter }) => parameter === name))
        .map((name) =>
          announce(cluster, cluster.id, parameterUpdated(name, seen.values[name] ?? ''), seen.now),
        ),
    ),
    ...skipped.map(({ parameter, reason }) =>
      announce(cache, cache.id, parameterNotApplied(cache.kind, parameter, reason), seen.now),
    ),
  ];
}

function refused(
  view: CacheView,
  input: ApplyParametersInput,
  seen: ApplyParametersSeen,
  tries: Tries,
): Change[] {
  const { cache } = view;
  const reason = tries.lastError?.message ?? 'unknown';
  return [
    {
      put: 'resource',
      row: withStatus(cache, cache.status, seen.now, { parameterApplyStatus: 'pending-reboot' }),
    },
    ...input.names.map((name) =>
      announce(cache, cache.id, parameterNotApplied(cache.kind, name, reason), seen.now),
    ),
  ];
}
