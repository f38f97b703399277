/** Keeps the moving endpoints of a shard on the right nodes. */
import { endpointOccupied, endpointServedAgain } from '../../../catalog/events.ts';
import { applyClientAuth } from '../../../engines/valkey/access-control.ts';
import { applyBindings, type Holder, wantedBindings } from '../../../fleet/bindings.ts';
import { clientAuth, hasItsAuth } from '../../../fleet/parameters.ts';
import { type Endpoint, heldBy } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { Change } from '../../../store/contract.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { cacheEvent } from '../record.ts';
import { isDown } from '../view.ts';

/** True when this shard's members are the ones to bind the endpoint. `first`: the id of the cache's first shard. */
function isOurs(facts: ShardFacts, endpoint: Endpoint, first: string | undefined): boolean {
  if (endpoint.purpose === 'node') return false;
  const { members, shard, clusterMode } = facts.view;
  if (clusterMode === 'disabled') return true;
  // One node of any shard binds the configuration endpoint of a cluster. While nobody does, it is for the first shard.
  if (endpoint.holder === null) return shard.nodeGroupId === first;
  return members.some((member) => member.node.incarnation === endpoint.holder);
}

/**
 * Binds what is wanted and records the holders. Gives a sentence on each endpoint that somebody else holds, who is recorded
 * as nobody, with an event. `primary`: who leads, when the rows do not say so yet (in the
 * middle of a switchover); by default whoever is recorded and confirmed by the engine.
 */
export async function bindEndpoints(
  context: ShardContext,
  facts: ShardFacts,
  primary: string | null = null,
): Promise<readonly string[]> {
  const { cacheIncarnation } = facts.view.shard;
  // Users may number node groups as they like.
  const isUnbound = facts.endpoints.some(({ purpose, holder }) => purpose !== 'node' && holder === null);
  const [first] = isUnbound ? await context.fleet.store.nodeGroupsOf([cacheIncarnation]) : [];
  const endpoints = facts.endpoints.filter((endpoint) => isOurs(facts, endpoint, first?.nodeGroupId));
  // Also when nothing is wanted: a node that was retained from its group still serves the group's endpoints.
  const holders = facts.view.members.map((member): Holder => {
    const { node, engine } = member;
    const isRecorded =
      node.incarnation === facts.view.shard.currentPrimary &&
      facts.view.shard.targetPrimary === node.incarnation;
    return {
      node,
      isServing: engine !== null && !engine.isLoading,
      isAlive: !isDown(member),
      isPrimary: primary === null ? isRecorded && engine?.role === 'primary' : node.incarnation === primary,
    };
  });
  const wanted = wantedBindings(endpoints, holders);
  // Nobody is let in by an endpoint whom the node's configuration keeps out.
  for (const { node, isServing } of holders)
    if (isServing && [...wanted.values()].includes(node.incarnation) && !hasItsAuth(facts.cache, node))
      await applyClientAuth(await context.fleet.connections.of(node), clientAuth(facts.cache, node.target));
  const occupied = await applyBindings(context.fleet, context.bindings, holders, wanted);
  const changes = endpoints
    .filter(({ address }) => wanted.has(address))
    .flatMap((endpoint) => holderChanged(context, facts, endpoint, wanted, occupied));
  if (changes.length > 0) {
    faultPoint('endpoints:bound');
    await context.fleet.store.commit(changes);
  }
  return endpoints.flatMap(({ address, purpose }) => {
    const why = occupied.get(address);
    return why === undefined ? [] : `the ${purpose} endpoint of ${facts.cache.id} is not served: ${why}`;
  });
}

/** The row of an endpoint whose holder is another one than recorded. That nobody serves it, and its end, is an event. */
function holderChanged(
  context: ShardContext,
  { cache }: ShardFacts,
  endpoint: Endpoint,
  wanted: ReadonlyMap<string, string>,
  occupied: ReadonlyMap<string, string>,
): readonly Change[] {
  const { address, port, purpose } = endpoint;
  const why = occupied.get(address);
  const holder = why === undefined ? (wanted.get(address) ?? null) : null;
  if (holder === endpoint.holder) return [];
  const row: Change = { put: 'endpoint', row: heldBy(endpoint, holder) };
  if (why !== undefined) return [row, cacheEvent(context, cache, endpointOccupied(cache.kind, purpose, why))];
  // Of a cache that is being made, nobody has served it before.
  if (endpoint.holder !== null || cache.status !== 'available') return [row];
  return [row, cacheEvent(context, cache, endpointServedAgain(cache.kind, purpose, `${address}:${port}`))];
}

/**
 * Gives the configuration endpoint of a cluster away when every member of the shard that holds it is down: to a node
 * of another shard whose process lives, whose worker binds it when it is woken.
 */
export async function giveEndpointAway(context: ShardContext, facts: ShardFacts): Promise<void> {
  const { members, clusterMode } = facts.view;
  if (clusterMode === 'disabled' || facts.view.isForming || !members.every(isDown)) return;
  const own = new Set(members.map((member) => member.node.incarnation));
  const endpoint = facts.endpoints.find(
    ({ purpose, holder }) => purpose === 'configuration' && own.has(holder ?? ''),
  );
  if (!endpoint) return;
  const { store, runtime } = context.fleet;
  const next = (await store.nodesOf([endpoint.cacheIncarnation])).find(
    (node) =>
      node.intent === 'running' &&
      !own.has(node.incarnation) &&
      node.handle !== null &&
      runtime.inspect(node.handle).kind === 'running',
  );
  if (!next) return;
  await store.commit([{ put: 'endpoint', row: heldBy(endpoint, next.incarnation) }]);
  context.wake(next);
}
