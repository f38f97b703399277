/** Places nodes: gives them addresses and rows, and the cache its endpoints and secrets, in one commit. */
import { type AddressPool, allocateAddress, poolSlices, sliceOf } from '../endpoints/addresses.ts';
import type { ProbeAddress } from '../endpoints/port-probe.ts';
import type { CacheNode, Endpoint } from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import { nextSetting, type Setting } from '../model/setting.ts';
import { requireTime, untilAborted } from '../platform/until-aborted.ts';
import { issueLinkCertificate } from '../security/certificates/certificates.ts';
import type { Change, Store } from '../store/contract.ts';
import { type CacheView, hasReplication, isClusterMode, versionToRun } from './cache-view.ts';
import { secretNames } from './connections.ts';
import type { Fleet } from './fleet.ts';
import { busPortOf } from './launch.ts';
import { movingEndpoints, type NodeSlot, nodeEndpoint, type PlaceOptions, placeNode } from './place.ts';

/** Thrown when a node cannot listen at its address, since somebody else does. */
class AddressInUse extends Error {
  override readonly name = 'AddressInUse';
}

/** Addresses that one placement tries in vain at most: to find out who holds one takes some milliseconds. A judgement. */
const skippedMax = 500;

/**
 * The nodes that were placed. Throws `AddressInUse`, `AddressesExhausted`, `EngineUnavailable`, and `NotInTime` when the
 * signal aborts; nothing is placed then.
 */
export async function placeNodes(
  fleet: Fleet,
  view: CacheView,
  slots: readonly NodeSlot[],
  signal: AbortSignal,
): Promise<readonly CacheNode[]> {
  const { engine } = view.cache.desired;
  const version = versionToRun(view.cache.desired);
  const what = `placing the nodes of ${view.cache.id}`;
  // Before its turn: an engine that is fetched first takes seconds, and other caches are placed meanwhile.
  const resolving = fleet.engineStore.resolve({ engine, version });
  const resolved = await untilAborted(signal, resolving, `fetching ${engine} ${version}`);
  const placing = fleet.placing.take(async () => {
    requireTime(signal, what);
    return place(fleet, view, slots, resolved.engine.version, () => requireTime(signal, what));
  });
  return await untilAborted(signal, placing, what);
}

async function place(
  fleet: Fleet,
  view: CacheView,
  slots: readonly NodeSlot[],
  engineVersion: string,
  requireStillWanted: () => void,
): Promise<readonly CacheNode[]> {
  const { store, ids, clock, pool, host } = fleet;
  const { cache } = view;
  const addresses = await addressSource(store, pool, clock.now());
  const options: PlaceOptions = {
    nextAddress: addresses.next,
    nextIncarnation: ids.incarnation,
    ...{ host, engineVersion, now: clock.now() },
  };
  const planned: Placement = {
    nodes: slots.map((slot) => placeNode(cache, slot, options)),
    moving: view.endpoints.some((endpoint) => endpoint.purpose !== 'node')
      ? []
      : movingEndpoints(cache, options),
  };
  const { nodes, moving } = await movedToFree(fleet, cache, planned, addresses);
  requireStillWanted();
  await store.commit([
    ...nodes.map((row): Change => ({ put: 'node', row })),
    ...nodes.map((node): Change => ({ put: 'endpoint', row: nodeEndpoint(cache, node) })),
    ...moving.map((row): Change => ({ put: 'endpoint', row })),
    ...(await firstPrimaries(view, nodes)),
    ...(await newSecrets(fleet, view)),
    ...addresses.cursors(),
  ]);
  return nodes;
}

interface Placement {
  readonly nodes: readonly CacheNode[];
  readonly moving: readonly Endpoint[];
}

/**
 * Who holds an address that no record names (a node that an older copy of the state file does not know, a program of
 * somebody else's) keeps it: others are taken. Throws `AddressInUse` when that does not help.
 */
async function movedToFree(
  { store, log, probeAddress }: Fleet,
  cache: Cache,
  planned: Placement,
  addresses: AddressSource,
): Promise<Placement> {
  let placement = planned;
  for (let skipped = 0; ; ) {
    const held = await heldAddresses(probeAddress, cache, placement);
    if (held.size === 0) return placement;
    const [[address, why]] = [...held] as [[string, string]];
    skipped += held.size;
    if (skipped > skippedMax) {
      // The next attempt goes on after these addresses.
      await store.commit(addresses.cursors());
      throw new AddressInUse(`${address} cannot be used, and ${skipped - 1} others: ${why}`);
    }
    log.warn('addresses that no record names are in use, and others are taken', {
      ...{ cache: cache.id, addresses: [...held.keys()], why },
    });
    const elsewhere = <T extends { readonly address: string }>(row: T, zone: string | null): T =>
      held.has(row.address) ? { ...row, address: addresses.next(zone) } : row;
    placement = {
      nodes: placement.nodes.map((node) => elsewhere(node, node.availabilityZone)),
      moving: placement.moving.map((endpoint) => elsewhere(endpoint, null)),
    };
  }
}

type AddressSource = Awaited<ReturnType<typeof addressSource>>;

/** Gives out the addresses after the last one that was given out of each slice, so that a released one rests. */
async function addressSource(store: Store, pool: AddressPool, now: number) {
  const taken = await store.takenAddresses(now);
  const before = new Map<string, Setting>();
  for (const slice of poolSlices) {
    const setting = await store.setting(cursorOf(slice));
    if (setting) before.set(slice, setting);
  }
  const cursors = new Map<string, string>();
  return {
    next(zone: string | null): string {
      const slice = sliceOf(zone);
      const cursor = cursors.get(slice) ?? before.get(slice)?.value ?? null;
      const address = allocateAddress({ pool, slice, taken, cursor });
      taken.add(address);
      cursors.set(slice, address);
      return address;
    },
    cursors: (): Change[] =>
      [...cursors].map(([slice, value]) => ({
        put: 'setting',
        row: nextSetting(cursorOf(slice), before.get(slice) ?? null, value),
      })),
  };
}

const cursorOf = (slice: string): string => `address-cursor:${slice}`;

/**
 * The addresses that somebody holds, with who that is. A listener on `0.0.0.0:PORT` blocks every address of that port:
 * that is said before anything starts, by `AddressInUse`, and so is a port that may not be used at all.
 */
async function heldAddresses(
  probeAddress: ProbeAddress,
  cache: Cache,
  { nodes, moving }: Placement,
): Promise<Map<string, string>> {
  const { port } = cache.desired;
  const wanted = [...nodes, ...moving].map(({ address }) => ({ address, port }));
  if (isClusterMode(cache)) wanted.push(...nodes.map(({ address }) => ({ address, port: busPortOf(port) })));
  const answers = await Promise.all(wanted.map(({ address, port: one }) => probeAddress(address, one)));
  const held = new Map<string, string>();
  for (const [index, answer] of answers.entries()) {
    if (answer === 'free') continue;
    const { address, port: one } = wanted[index]!;
    const why = 'inUse' in answer ? answer.inUse : answer.unusable;
    if ('unusable' in answer || answer.holds === 'every-address')
      throw new AddressInUse(`${address}:${one} cannot be used: ${why}`);
    held.set(address, why);
  }
  return held;
}

/** Records the first member of each new shard as the one that is to lead it. */
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

/** Makes the secrets of a cache, which only its engines and the store know. */
async function newSecrets(fleet: Fleet, { cache }: CacheView): Promise<Change[]> {
  const owner = cache.incarnation;
  if (!hasReplication(cache) || (await fleet.store.secret(owner, secretNames.limber))) return [];
  const { limber, replication, linkCertificate, linkKey } = secretNames;
  const secret = (name: string, value: string): Change => ({ put: 'secret', owner, name, value });
  const changes = [secret(limber, fleet.ids.secret()), secret(replication, fleet.ids.secret())];
  if (cache.desired.transitEncryption === 'off') return changes;
  const link = await issueLinkCertificate(cache.id, fleet.clock.now());
  return [...changes, secret(linkCertificate, link.certificate), secret(linkKey, link.key)];
}
