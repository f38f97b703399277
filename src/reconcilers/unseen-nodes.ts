/**
 * Nodes whose processes live where this Limber cannot see them: it was started in another PID namespace (a container) than
 * they were, on the same network and data directory. /proc says that they are gone, and by that their loss would be declared,
 * their files be mended and second processes be started. So whoever is missing at the start of Limber is asked at its address first.
 */
import { processNotSeen } from '../catalog/events.ts';
import { answersAt } from '../engines/memcached/readiness.ts';
import { EngineReplyError } from '../engines/valkey/engine-errors.ts';
import { readInfo } from '../engines/valkey/info.ts';
import { announce } from '../fleet/announce.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { nodePages } from '../fleet/node-pages.ts';
import { type CacheNode, isEngineOf, processName } from '../model/node.ts';

interface UnseenNodes {
  /** To be called once, before anybody is judged dead. */
  find(): Promise<void>;
  /** To be called every few seconds: whoever listens at its address no more is dead, as any other node. */
  look(): Promise<void>;
  /** For people. */
  findings(): readonly string[];
}

type Parts = Pick<Fleet, 'store' | 'runtime' | 'host' | 'connections' | 'probeAddress' | 'clock' | 'log'>;

const askDeadlineMs = 1_000;

export function createUnseenNodes(fleet: Parts): UnseenNodes {
  const { store, runtime, clock, log } = fleet;
  /** By incarnation. `isSilent`: nobody listened at the last look; the engine reopens its port when an endpoint moves. */
  const unseen = new Map<string, { readonly node: CacheNode; isSilent: boolean }>();

  async function note(node: CacheNode): Promise<void> {
    runtime.assumeAlive(node.incarnation, node.handle);
    if (node.handle === null || runtime.inspect(node.handle).kind === 'gone') return;
    unseen.set(node.incarnation, { node, isSilent: false });
    log.warn('a node answers and its process is not seen', { node: node.incarnation, handle: node.handle });
    const event = processNotSeen(node.cacheClusterId, node.cacheNodeId, `${node.address}:${node.port}`);
    await store.commit([announce(node, node.cacheClusterId, event, clock.now())]);
  }

  function forget({ incarnation }: CacheNode, why: string): void {
    runtime.assumeAlive(incarnation, null);
    unseen.delete(incarnation);
    log.warn(`a node whose process was not seen is gone: ${why}`, { node: incarnation });
  }

  async function lookAt(entry: { readonly node: CacheNode; isSilent: boolean }): Promise<void> {
    const { node } = entry;
    const row = await store.node(node.incarnation);
    if (!row) return forget(node, 'no record names it any more');
    const seen = await seenAt(fleet, node);
    if (seen === 'somebody-else') return forget(node, 'somebody else is at its address');
    if (seen === 'nobody' && entry.isSilent) return forget(node, 'nobody listens at its address');
    entry.isSilent = seen === 'nobody';
  }

  return {
    async find() {
      for await (const page of nodePages(fleet)) {
        const missing = page.filter(
          ({ handle }) => handle !== null && runtime.inspect(handle).kind === 'gone',
        );
        await Promise.all(
          missing.map(async (node) => {
            if ((await seenAt(fleet, node)) === 'its-engine') await note(node);
          }),
        );
      }
    },
    look: async () => void (await Promise.all([...unseen.values()].map(lookAt))),
    findings: () =>
      [...unseen.values()].map(
        ({ node: { cacheClusterId, address, port, handle } }) =>
          `${cacheClusterId} answers at ${address}:${port}, but ${handle ? processName(handle) : 'its process'} is not seen: it runs in another PID namespace, such as a container. It serves, and Limber can neither end nor restart it: start Limber where that process was started, or where all are seen (docker run --pid=host)`,
      ),
  };
}

/**
 * Who is at the address of a node that /proc does not show. An invisible process that does not answer in time counts as the
 * node: it may be busy.
 */
async function seenAt(
  { probeAddress, connections }: Parts,
  node: CacheNode,
): Promise<'nobody' | 'its-engine' | 'somebody-else'> {
  const { address, port, handle } = node;
  const probe = await probeAddress(address, port);
  if (probe === 'free' || 'unusable' in probe) return 'nobody';
  if (probe.pid !== null || handle === null) return 'somebody-else';
  if (node.engine === 'memcached') {
    const isOurs = await answersAt({ address, port, deadlineMs: askDeadlineMs }, handle.pid);
    return isOurs ? 'its-engine' : 'somebody-else';
  }
  try {
    const isOurs = isEngineOf(handle, await readInfo(await connections.of(node)));
    return isOurs ? 'its-engine' : 'somebody-else';
  } catch (error) {
    return error instanceof EngineReplyError ? 'somebody-else' : 'its-engine';
  }
}
