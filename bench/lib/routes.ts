/**
 * Where a writer finds the primary: by a stable endpoint, by asking a cluster, or by asking sentinels. Each is as quick
 * as a client can be, so that the gap which is measured is the servers' and not a client library's.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Address, addressText, connectResp, type RespClient } from './resp-client.ts';

export interface Route {
  /** Where to write now. */
  current(): Address;
  /** A writer could not reach that address. */
  failed(address: Address): void;
  /** A server said MOVED to there. True: go there now. False: it was just found dead, ask again in a moment. */
  moved(to: Address): boolean;
  /** The primary is known to be elsewhere: connections to the old address are of no use any more, also silent ones. */
  onMove(listener: (from: Address) => void): void;
  close(): void;
}

/** An address that follows the primary by itself. */
export function endpointRoute(endpoint: Address): Route {
  return {
    current: () => endpoint,
    failed() {},
    moved: () => false,
    onMove() {},
    close() {},
  };
}

/** An address that was found dead is not tried again this soon, milliseconds; its replica is asked instead. */
const deadForMs = 100;
/** Between two questions who leads, for those whose connection stays silent. */
const askEveryMs = 10;

/**
 * A cluster-aware client for the slots of one shard: goes where MOVED says, at once; while the primary is dead, asks
 * the other nodes of the shard each millisecond; and asks `observers` (nodes of other shards) every 10 ms who owns
 * `slot`, as the only way to notice that a silent primary was replaced.
 */
export function clusterRoute(
  members: readonly Address[],
  observers: readonly Address[],
  slot: number,
): Route {
  let current = members[0]!;
  const deadAt = new Map<string, number>();
  const listeners: ((from: Address) => void)[] = [];
  const isDead = (address: Address) =>
    performance.now() - (deadAt.get(addressText(address)) ?? -Infinity) < deadForMs;
  const goTo = (to: Address) => {
    if (addressText(to) === addressText(current)) return;
    const from = current;
    // MOVED tells no authority: it is that of the cluster.
    current = from.ca === undefined ? to : { ...to, ca: from.ca };
    for (const listener of listeners) listener(from);
  };
  const watch = watchAnswer(
    observers,
    async (client) => ownerOf(slot, await client.ask('CLUSTER', 'SLOTS')),
    (owner) => {
      if (!isDead(owner)) goTo(owner);
    },
  );
  return {
    current: () => current,
    failed(address) {
      deadAt.set(addressText(address), performance.now());
      if (addressText(address) !== addressText(current)) return;
      current = members.find((member) => !isDead(member)) ?? members[0]!;
    },
    moved(to) {
      if (isDead(to)) return false;
      goTo(to);
      return true;
    },
    onMove: (listener) => void listeners.push(listener),
    close: watch,
  };
}

/** A sentinel-aware client: follows what the sentinels say, asked every 10 ms. */
export function sentinelRoute(sentinels: readonly Address[], name: string, first: Address): Route {
  let current = first;
  const listeners: ((from: Address) => void)[] = [];
  const watch = watchAnswer(
    sentinels,
    async (client) => {
      const [address, port] = (await client.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as string[];
      return address ? { address, port: Number(port) } : null;
    },
    (to) => {
      if (addressText(to) === addressText(current)) return;
      const from = current;
      current = to;
      for (const listener of listeners) listener(from);
    },
  );
  return {
    current: () => current,
    failed() {},
    moved: () => false,
    onMove: (listener) => void listeners.push(listener),
    close: watch,
  };
}

export function ownerOf(slot: number, reply: unknown): Address | null {
  for (const [first, last, primary] of reply as [number, number, [string, number]][])
    if (slot >= first && slot <= last) return { address: primary[0], port: primary[1] };
  return null;
}

/** Asks the first of these that answers, again and again. Gives the way to end it. */
function watchAnswer(
  servers: readonly Address[],
  ask: (client: RespClient) => Promise<Address | null>,
  tell: (answer: Address) => void,
): () => void {
  let isClosed = false;
  let client: RespClient | null = null;
  const run = async () => {
    for (let turn = 0; !isClosed && servers.length > 0; ) {
      try {
        client ??= await connectResp(servers[turn % servers.length]!, 500);
        const answer = await ask(client);
        if (answer && !isClosed) tell(answer);
      } catch {
        client?.close();
        client = null;
        turn += 1;
      }
      await delay(askEveryMs);
    }
    client?.close();
  };
  void run();
  return () => {
    isClosed = true;
    client?.close();
  };
}
