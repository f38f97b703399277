/**
 * Which node binds which moving endpoint, and making it so. The engines serve the endpoints themselves
 * (`CONFIG SET bind`), so clients pay no proxy; an endpoint moves in about a millisecond.
 */

import { cutConnections, readBindings, takeBindings } from '../engines/valkey/bindings.ts';
import type { EngineConnection } from '../engines/valkey/client.ts';
import { EngineReplyError } from '../engines/valkey/engine-errors.ts';
import type { CacheNode, Endpoint } from '../model/node.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Fleet } from './fleet.ts';

/** What the choice of a node for an endpoint goes by. */
export interface Holder {
  readonly node: CacheNode;
  /** The node answers, and may serve clients. */
  readonly isServing: boolean;
  /** The node's process exists: nobody else can take an address that it binds, until it gives that up. */
  readonly isAlive: boolean;
  /** The role as the engine confirmed it. */
  readonly isPrimary: boolean;
}

/**
 * Endpoint address → incarnation of the node that is to bind it; an endpoint that nobody may bind now is left out.
 * The primary endpoint goes to the confirmed primary alone. The reader endpoint stays where it is while that node is
 * a serving, synced replica, else goes to the first such replica, else to the primary. The configuration endpoint
 * stays with a serving node, else goes to the first. An address that is held by a living node which does not answer stays
 * there: the kernel gives it to nobody else.
 */
export function wantedBindings(
  endpoints: readonly Endpoint[],
  holders: readonly Holder[],
): ReadonlyMap<string, string> {
  const wanted = new Map<string, string>();
  const serving = holders.filter((holder) => holder.isServing);
  const primary = serving.find((holder) => holder.isPrimary);
  const replicas = serving.filter((holder) => !holder.isPrimary && holder.node.synced);
  const keep = (among: readonly Holder[], endpoint: Endpoint) =>
    among.find((holder) => holder.node.incarnation === endpoint.holder) ?? among[0];
  for (const endpoint of endpoints) {
    const holder = holders.find(({ node }) => node.incarnation === endpoint.holder);
    if (holder?.isAlive && !holder.isServing) continue;
    const chosen =
      endpoint.purpose === 'primary'
        ? primary
        : endpoint.purpose === 'reader'
          ? (keep(replicas, endpoint) ?? primary)
          : endpoint.purpose === 'configuration'
            ? keep(serving, endpoint)
            : undefined;
    if (chosen) wanted.set(endpoint.address, chosen.node.incarnation);
  }
  return wanted;
}

/** How long an address is tried for: to close the sockets of a killed process takes the kernel 0.15 s per GiB. */
const takeDeadlineMs = 2_000;

/** What each living process is known to bind beside its own address; absent: ask the engine. */
export class BindingMemory {
  readonly #bound = new Map<string, ReadonlySet<string>>();
  /** Addresses that somebody else held when they were wanted last: they are not waited for again. */
  readonly occupied = new Set<string>();

  /** To be called when the process has ended: a new one binds the node's own address only. */
  forget(incarnation: string): void {
    this.#bound.delete(incarnation);
  }

  knows(incarnation: string): boolean {
    return this.#bound.has(incarnation);
  }

  async of(node: CacheNode, connection: EngineConnection): Promise<ReadonlySet<string>> {
    const known = this.#bound.get(node.incarnation);
    if (known) return known;
    const addresses = await readBindings(connection);
    const bound = new Set(addresses.filter((address) => address !== node.address));
    this.#bound.set(node.incarnation, bound);
    return bound;
  }

  /**
   * Makes the node bind exactly these addresses beside its own; does nothing when it binds them already. Tries until `deadlineMs` while an address is held by
   * another process: a killed one is dead before the kernel has closed its sockets. Throws when it stays so.
   */
  async apply(
    node: CacheNode,
    connection: EngineConnection,
    extra: readonly string[],
    deadlineMs: number,
  ): Promise<void> {
    const bound = await this.of(node, connection);
    if (bound.size === extra.length && extra.every((address) => bound.has(address))) return;
    this.#bound.delete(node.incarnation);
    await takeBindings(connection, [node.address, ...extra], deadlineMs);
    this.#bound.set(node.incarnation, new Set(extra));
    for (const address of bound)
      if (!extra.includes(address)) await cutConnections(connection, address, node.port);
  }
}

/**
 * Makes the serving nodes bind what is wanted: first those that give an address up, then those that take one. An
 * address whose old holder cannot be asked is taken when the kernel lets it (its process is dead). Gives the addresses that
 * a process holds which is none of these nodes, each with a sentence that names it (without full stop).
 */
export async function applyBindings(
  fleet: Pick<Fleet, 'connections' | 'log' | 'probeAddress'>,
  memory: BindingMemory,
  holders: readonly Holder[],
  wanted: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const serving = holders.filter((holder) => holder.isServing).map((holder) => holder.node);
  const wantedOf = (node: CacheNode) =>
    [...wanted].filter(([, incarnation]) => incarnation === node.incarnation).map(([address]) => address);
  const open = await Promise.all(
    serving.map(async (node) => ({ node, connection: await fleet.connections.of(node) })),
  );
  for (const { node, connection } of open) {
    const isNew = !memory.knows(node.incarnation);
    const bound = await memory.of(node, connection);
    // A Limber before us may have died between taking an endpoint away and ending the connections that came by it.
    if (isNew)
      for (const address of wanted.keys())
        if (!bound.has(address)) await cutConnections(connection, address, node.port);
    const kept = [...bound].filter((address) => wantedOf(node).includes(address));
    await memory.apply(node, connection, kept, 0);
    if (kept.length < bound.size) faultPoint('endpoints:given-up');
  }
  const occupied = new Map<string, string>();
  for (const { node, connection } of open)
    for (const [address, why] of await take(fleet, memory, { node, connection, wanted: wantedOf(node) }))
      occupied.set(address, why);
  return occupied;
}

/** Gives what somebody else holds; all else of what the node is to bind is bound. */
async function take(
  { probeAddress }: Pick<Fleet, 'probeAddress'>,
  memory: BindingMemory,
  to: { readonly node: CacheNode; readonly connection: EngineConnection; readonly wanted: readonly string[] },
): Promise<ReadonlyMap<string, string>> {
  const { node, connection, wanted } = to;
  const findOccupied = async (addresses: readonly string[]) => {
    const bound = await memory.of(node, connection);
    const found = new Map<string, string>();
    for (const address of addresses.filter((one) => !bound.has(one))) {
      const probe = await probeAddress(address, node.port);
      if (probe !== 'free') found.set(address, 'inUse' in probe ? probe.inUse : probe.unusable);
    }
    return found;
  };
  const bindAllBut = (occupied: ReadonlyMap<string, string>) =>
    memory.apply(
      node,
      connection,
      wanted.filter((address) => !occupied.has(address)),
      takeDeadlineMs,
    );
  // To try what is held costs the node its listeners for a moment, and two seconds.
  let occupied = await findOccupied(wanted.filter((address) => memory.occupied.has(address)));
  try {
    await bindAllBut(occupied);
  } catch (error) {
    const wasRefused = error instanceof EngineReplyError;
    occupied = wasRefused ? await findOccupied(wanted) : new Map();
    if (occupied.size === 0) throw error;
    await bindAllBut(occupied);
  }
  for (const address of wanted)
    if (occupied.has(address)) memory.occupied.add(address);
    else memory.occupied.delete(address);
  return occupied;
}
