/** Places nodes: gives them addresses and rows, and the cache its endpoints and secrets, in one commit. */
import { type AddressPool, allocateAddress, sliceOf } from '../endpoints/addresses.ts';
import { probeAddress } from '../endpoints/port-probe.ts';
import type { CacheNode, Endpoint } from '../model/node.ts';
import type { Change, Store } from '../store/contract.ts';
import { type CacheView, hasReplication, isClusterMode } from './cache-view.ts';
import { secretNames } from './connections.ts';
import type { Fleet } from './fleet.ts';
import { busPortOf } from './launch.ts';
import { movingEndpoints, type NodeSlot, nodeEndpoint, type PlaceOptions, placeNode } from './place.ts';

/** A node cannot listen where it is to: somebody else does. */
export class AddressInUse extends Error {
  override readonly name = 'AddressInUse';
}

/** Allocations take turns: two at once would choose the same addresses, and one would have to plan anew. */
let turn: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = turn.then(work, work);
  turn = mine.catch(() => {});
  return mine;
}

/** The nodes that were placed. Throws `AddressInUse`, `AddressesExhausted`, `EngineUnavailable`. */
export function placeNodes(
  fleet: Fleet,
  view: CacheView,
  slots: readonly NodeSlot[],
): Promise<readonly CacheNode[]> {
  return inTurn(async () => {
    const { store, ids, clock, pool } = fleet;
    const { cache } = view;
    const engine = await fleet.engineStore.resolve({
      engine: cache.desired.engine,
      version: cache.desired.engineVersion,
    });
    const addresses = await addressSource(store, pool, clock.now());
    const options: PlaceOptions = {
      nextAddress: addresses.next,
      nextIncarnation: ids.incarnation,
      host: fleet.host,
      engineVersion: engine.engine.version,
      now: clock.now(),
    };
    const nodes = slots.map((slot) => placeNode(cache, slot, options));
    const moving = view.endpoints.some((endpoint) => endpoint.purpose !== 'node')
      ? []
      : movingEndpoints(cache, options);
    await requireFree(cache.desired.port, nodes, moving, isClusterMode(cache));
    await store.commit([
      ...nodes.map((row): Change => ({ put: 'node', row })),
      ...nodes.map((node): Change => ({ put: 'endpoint', row: nodeEndpoint(cache, node) })),
      ...moving.map((row): Change => ({ put: 'endpoint', row })),
      ...(await firstPrimaries(view, nodes)),
      ...(await newSecrets(fleet, view)),
      ...addresses.cursors(),
    ]);
    return nodes;
  });
}

/** Addresses behind the last one given out of each slice, so that a released one rests. */
async function addressSource(store: Store, pool: AddressPool, now: number) {
  const taken = await store.takenAddresses(now);
  const cursors = new Map<string, string>();
  for (const slice of ['a', 'b', 'c', 'd', 'e', 'f', 'endpoint']) {
    const cursor = await store.setting(`address-cursor:${slice}`);
    if (cursor) cursors.set(slice, cursor);
  }
  return {
    next(zone: string | null): string {
      const slice = sliceOf(zone);
      const address = allocateAddress({ pool, slice, taken, cursor: cursors.get(slice) ?? null });
      taken.add(address);
      cursors.set(slice, address);
      return address;
    },
    cursors: (): Change[] =>
      [...cursors].map(([slice, value]) => ({ put: 'setting', name: `address-cursor:${slice}`, value })),
  };
}

/** A listener of somebody else on `0.0.0.0:PORT` blocks every address of that port: say so before anything starts. */
async function requireFree(
  port: number,
  nodes: readonly CacheNode[],
  moving: readonly Endpoint[],
  isCluster: boolean,
): Promise<void> {
  const wanted = [...nodes, ...moving].map(({ address }) => ({ address, port }));
  if (isCluster) wanted.push(...nodes.map(({ address }) => ({ address, port: busPortOf(port) })));
  const answers = await Promise.all(wanted.map(({ address, port: one }) => probeAddress(address, one)));
  for (const [index, answer] of answers.entries()) {
    if (answer === 'free') continue;
    const { address, port: one } = wanted[index]!;
    const why = 'inUse' in answer ? answer.inUse : answer.unusable;
    throw new AddressInUse(`${address}:${one} cannot be used: ${why}`);
  }
}

/** The first member of each new shard is to lead it. */
async function firstPrimaries(view: CacheView, nodes: readonly CacheNode[]): Promise<Change[]> {
  return view.nodeGroups.flatMap((shard): Change[] => {
    const first = nodes.find((node) => node.nodeGroupId === shard.nodeGroupId);
    if (shard.currentPrimary !== null || !first) return [];
    const { incarnation } = first;
    const row = {
      ...shard,
      version: shard.version + 1,
      currentPrimary: incarnation,
      targetPrimary: incarnation,
    };
    return [{ put: 'node-group', row }];
  });
}

/** Every cache has secrets of its own, known to its engines and to the store alone. */
async function newSecrets(fleet: Fleet, { cache }: CacheView): Promise<Change[]> {
  const owner = cache.incarnation;
  if (!hasReplication(cache) || (await fleet.store.secret(owner, secretNames.limber))) return [];
  return Object.values(secretNames).map((name) => ({
    put: 'secret',
    owner,
    name,
    value: fleet.ids.secret(),
  }));
}
