/**
 * A cache has a new configuration (a changed parameter group, or another one): it becomes the target of every node. The
 * workers of the shards bring their nodes there, by themselves and whatever happens meanwhile; this operation only waits a
 * moment for that, so that nothing else is begun with the cache in between.
 *
 * - targeting: every node's row gets the new target.
 * - converging: nodes that run take what they can without a restart.
 */
import { changesBetween } from '../catalog/configuration-changes.ts';
import { parameterNotApplied } from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, hasReplication, loadCacheView } from '../fleet/cache-view.ts';
import { nodeSettings } from '../fleet/parameters.ts';
import { type Configuration, newestConfiguration, usedConfigurations } from '../model/configuration.ts';
import { type CacheNode, isConfigured, type NodeTarget } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { Change } from '../store/contract.ts';
import { giveUpChange } from './give-up.ts';
import {
  act,
  type Decision,
  finish,
  go,
  type OperationKind,
  queuedAs,
  type Tries,
  wait,
} from './operation-kind.ts';
import { nextNode, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';

type ApplyParametersInput = OperationInput<'apply-parameters'>;

export interface ApplyParametersState {
  readonly step: 'targeting' | 'converging';
}

interface ApplyParametersSeen {
  readonly view: CacheView | null;
  readonly now: number;
}

/**
 * A node that answers takes its configuration within milliseconds. One that is down, hangs or runs a long script takes it
 * when it can, and other changes of the cache are not kept waiting for that. A judgement.
 */
const convergeMs = 5_000;

export function applyParametersKind(
  tools: Tools,
): OperationKind<ApplyParametersInput, ApplyParametersState, ApplyParametersSeen, 'wake'> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('apply-parameters'),
    first: () => ({ step: 'targeting' }),
    async observe(input) {
      return { view: await loadCacheView(fleet.store, input), now: fleet.clock.now() };
    },
    decide: decideApplyParameters,
    giveUp: (input, reason) => giveUpChange(tools, 'The change of parameters', input, reason),
    async perform(_wake, input) {
      shards.recheck(input.cacheIncarnation);
    },
  };
}

export function decideApplyParameters(
  input: ApplyParametersInput,
  state: ApplyParametersState,
  { view, now }: ApplyParametersSeen,
  tries: Tries,
): Decision<ApplyParametersState, 'wake'> {
  if (!view || view.cache.status === 'deleting') return finish('the cache is gone');
  // A cluster has become a member of a group meanwhile, which sets the targets of its nodes.
  if (view.cache.desired.configurations.length === 0) return finish(`${input.cacheId} belongs to a group`);
  const { version } = newestConfiguration(view.cache.desired);
  if (state.step === 'targeting')
    return go(
      { step: 'converging' },
      `every node of ${input.cacheId} is to run with configuration ${version}`,
      retargeted(view, version, now),
    );
  if (tries.successes === 0) return act('wake', 'the nodes get their configuration', 1_000);
  const open = view.nodes.filter((node) => isToRun(node) && !isConfigured(node));
  const names = open.map((node) => node.cacheClusterId).join(', ');
  if (open.length === 0)
    return finish(`${input.cacheId} runs with configuration ${version}`, ended(view, input, now));
  return wait(`${names} gets its configuration`, {
    retryAfterMs: 250,
    limitMs: convergeMs,
    otherwise: () =>
      finish(`${names} gets configuration ${version} later, by itself`, ended(view, input, now)),
  });
}

const isToRun = ({ handle, intent }: CacheNode): boolean =>
  handle !== null && (intent === 'running' || intent === 'restarting');

/** Makes the cache's newest configuration, which may be newer than the one that this operation was queued for, the target of every node. */
function retargeted(view: CacheView, configVersion: number, now: number): Change[] {
  const behind = view.nodes.filter(
    ({ intent, target }) => intent !== 'deleted' && target.configVersion < configVersion,
  );
  return [
    ...behind.map(
      (node): Change => ({ put: 'node', row: nextNode(node, { target: { ...node.target, configVersion } }) }),
    ),
    ...notApplied(view, behind, configVersion, now),
  ];
}

/** One event for each changed parameter that no engine of this cache will ever take. */
function notApplied({ cache }: CacheView, nodes: readonly CacheNode[], configVersion: number, now: number) {
  if (!hasReplication(cache)) return [];
  const reasons = new Map<string, string>();
  for (const { target } of nodes) {
    const next: NodeTarget = { ...target, configVersion };
    const changed = Object.values(changesBetween(cache.desired, target, next) ?? {}).flat();
    for (const { parameter, reason } of nodeSettings(cache, next).notApplied)
      if (changed.includes(parameter)) reasons.set(parameter, reason);
  }
  return [...reasons].map(([parameter, reason]) =>
    announce(cache, cache.id, parameterNotApplied(cache.kind, parameter, reason), now),
  );
}

/** Configurations that no node needs go, and a cache that was being modified is available. */
function ended({ cache, nodes }: CacheView, { modifies }: ApplyParametersInput, now: number): Change[] {
  const configurations: readonly Configuration[] = usedConfigurations(cache.desired, nodes);
  if (configurations.length === cache.desired.configurations.length && !modifies) return [];
  const row = withStatus(cache, modifies ? 'available' : cache.status, now);
  return [{ put: 'resource', row: { ...row, desired: { ...cache.desired, configurations } } }];
}
