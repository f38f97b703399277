/** Does a fault to nodes: by signals to their processes, or by rules about their packets. */
import { sliceOfAddress } from '../endpoints/addresses.ts';
import { announce } from '../fleet/announce.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { CacheNode } from '../model/node.ts';
import { cacheIdOf, faultName } from './fault-targets.ts';
import type { Isolated, Isolation } from './isolation.ts';

/**
 * `kill`: SIGKILL. `hang`: SIGSTOP. `resume`: SIGCONT. `isolate`: no packet reaches the node or comes from it.
 * `heal`: ends that.
 */
export const faultKinds = ['kill', 'hang', 'resume', 'isolate', 'heal'] as const;
export type FaultKind = (typeof faultKinds)[number];

/**
 * `done`; `unchanged`: it was so already, or there was nothing to end; `dead`: it has no process at present;
 * `unknown`: it was killed, and its exit was not seen.
 */
export type FaultOutcome = 'done' | 'unchanged' | 'dead' | 'unknown';

export interface FaultRequest {
  readonly fault: FaultKind;
  readonly target: string | null;
  readonly region: string | null;
  /** Nodes of every account and region. */
  readonly all: boolean;
}

/** By node incarnation. */
type Outcomes = ReadonlyMap<string, FaultOutcome>;

/** Throws where this machine cannot isolate; nothing was done then. May be repeated. */
export async function injectFault(
  fleet: Fleet,
  isolation: Isolation,
  request: FaultRequest,
  nodes: readonly CacheNode[],
): Promise<Outcomes> {
  switch (request.fault) {
    case 'isolate':
      await isolation.requireUsable();
      return isolate(fleet, isolation, request, nodes);
    case 'heal':
      return heal(fleet, isolation, request, nodes);
    case 'kill':
    case 'hang':
    case 'resume':
      return signal(fleet, isolation, request, nodes);
    default:
      return request.fault satisfies never;
  }
}

async function signal(
  fleet: Fleet,
  isolation: Isolation,
  request: FaultRequest,
  nodes: readonly CacheNode[],
): Promise<Outcomes> {
  const outcomes = new Map(nodes.map((node) => [node.incarnation, expectation(fleet, request.fault, node)]));
  const affected = nodes.filter((node) => outcomes.get(node.incarnation) === 'done');
  // The event comes first: what Limber makes of it follows within milliseconds.
  await recordEvents(fleet, request, affected);
  await Promise.all(
    affected.map(async (node) => {
      outcomes.set(node.incarnation, await deliver(fleet, request.fault, node));
    }),
  );
  // Moving endpoints are freed only after that: a client that reached the old process again would write what is lost a moment later.
  if (request.fault !== 'resume') await freeMovingEndpoints(isolation, affected);
  return outcomes;
}

/** What the signal will find: `done` where it has something to do. */
function expectation({ runtime }: Fleet, fault: FaultKind, { handle }: CacheNode): FaultOutcome {
  const kind = handle ? runtime.inspect(handle).kind : 'gone';
  if (kind === 'gone' || kind === 'zombie') return 'dead';
  if (fault === 'hang' && kind === 'stopped') return 'unchanged';
  if (fault === 'resume' && kind === 'running') return 'unchanged';
  return 'done';
}

const killDeadlineMs = 10_000;

async function deliver(fleet: Fleet, fault: FaultKind, node: CacheNode): Promise<FaultOutcome> {
  const expected = expectation(fleet, fault, node);
  if (expected !== 'done' || !node.handle) return expected;
  if (fault === 'kill') {
    const seen = await fleet.runtime.fence(node.handle, { deadlineMs: killDeadlineMs });
    return seen === 'fenced' ? 'done' : 'unknown';
  }
  return fleet.runtime.suspend(node.handle, fault === 'hang') ? 'done' : 'dead';
}

async function isolate(
  fleet: Fleet,
  isolation: Isolation,
  request: FaultRequest,
  nodes: readonly CacheNode[],
): Promise<Outcomes> {
  const present = new Set((await isolation.list()).map(({ address }) => address));
  const endpoints = await fleet.store.endpointsOf([...new Set(nodes.map((node) => node.cacheIncarnation))]);
  const affected = nodes.filter((node) => !present.has(node.address));
  await isolation.add(
    affected.flatMap((node) => {
      const isRunning = expectation(fleet, 'hang', node) === 'done';
      // The endpoints that it binds lead to this very process: a machine that is cut off takes them along. A process
      // that does not serve gives them up to another one, where they must be reachable.
      const bound = isRunning ? endpoints.filter(({ holder }) => holder === node.incarnation) : [];
      const addresses = new Set([node.address, ...bound.map(({ address }) => address)]);
      const { incarnation } = node;
      return [...addresses].map((address) => ({ address, incarnation, name: faultName(node) }));
    }),
  );
  await recordEvents(fleet, request, affected);
  return new Map(nodes.map((node) => [node.incarnation, affected.includes(node) ? 'done' : 'unchanged']));
}

/** Beside the chosen ones also what nobody owns any more: nodes that were deleted while they were isolated. */
async function heal(
  fleet: Fleet,
  isolation: Isolation,
  request: FaultRequest,
  nodes: readonly CacheNode[],
): Promise<Outcomes> {
  const isolated = await isolation.list();
  const known = await ownersOf(fleet, isolated);
  const chosen = new Set(nodes.map((node) => node.incarnation));
  const ended = isolated.filter(
    ({ incarnation, address }) =>
      chosen.has(incarnation) || (!known.has(incarnation) && sliceOfAddress(fleet.pool, address) !== null),
  );
  await isolation.remove(ended.map(({ address }) => address));
  const healed = new Set(ended.map(({ incarnation }) => incarnation));
  // What was sent meanwhile is sent again after ever longer pauses; a new connection is through at once.
  for (const incarnation of healed) fleet.connections.drop(incarnation);
  await recordEvents(
    fleet,
    request,
    nodes.filter((node) => healed.has(node.incarnation)),
  );
  return new Map(
    nodes.map((node) => [node.incarnation, healed.has(node.incarnation) ? 'done' : 'unchanged']),
  );
}

async function ownersOf({ store }: Fleet, isolated: readonly Isolated[]): Promise<ReadonlySet<string>> {
  const incarnations = [...new Set(isolated.map(({ incarnation }) => incarnation))];
  const nodes = await Promise.all(incarnations.map((incarnation) => store.node(incarnation)));
  return new Set(nodes.flatMap((node) => (node && node.intent !== 'deleted' ? [node.incarnation] : [])));
}

/** Whoever takes over from a node that is killed or hangs binds its endpoints, and is not isolated itself. */
async function freeMovingEndpoints(isolation: Isolation, nodes: readonly CacheNode[]): Promise<void> {
  const moving = (await isolation.list()).filter(({ address, incarnation }) =>
    nodes.some((node) => node.incarnation === incarnation && node.address !== address),
  );
  await isolation.remove(moving.map(({ address }) => address));
}

/** An event on each cache that is hit. */
async function recordEvents(fleet: Fleet, request: FaultRequest, nodes: readonly CacheNode[]): Promise<void> {
  const caches = Map.groupBy(nodes, (node) => node.cacheIncarnation);
  await fleet.store.commit(
    [...caches.values()].map((ofCache) => {
      const [first] = ofCache;
      const names = ofCache.map(faultName).join(', ');
      const why = request.target === null ? '' : ` (asked for: ${request.target})`;
      const text = {
        eventId: 'Limber:FaultInjected',
        sourceType: first!.replicationGroupId ? 'replication-group' : 'cache-cluster',
        message: `Fault on demand: ${request.fault} ${names}${why}`,
      } as const;
      return announce(first!, cacheIdOf(first!), text, fleet.clock.now());
    }),
  );
}
