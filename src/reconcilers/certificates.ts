/**
 * Renews the certificates of running nodes, without a restart and without ending a connection: those that expire within a
 * month, that another authority has signed, or that lack a name. It relies on nothing remembered: the engine says which
 * files it has loaded.
 */
import { basename, join } from 'node:path';
import { loadCertificate, loadedTlsFiles, loadTrust } from '../engines/valkey/tls.ts';
import { loadCacheView } from '../fleet/cache-view.ts';
import type { Fleet } from '../fleet/fleet.ts';
import {
  certificateFiles,
  type FileContents,
  goodCertificate,
  removeOtherTlsFiles,
  trustFile,
  whyReplaceLoaded,
} from '../fleet/node-tls.ts';
import type { CacheNode } from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import { faultPoint } from '../platform/fault-points.ts';
import { createTurns } from '../platform/turns.ts';

export interface Renewal {
  readonly replaced: number;
  readonly failed: readonly { readonly node: string; readonly reason: string }[];
}

/**
 * One round over all running nodes, which may be repeated. Of two that are asked for at once the second begins after the
 * first: each removes the files that the engine has not loaded, so also those that another round has just written.
 * A node that does not answer is passed over: its next start looks at its certificate.
 */
export function createCertificateRenewal(fleet: Fleet): () => Promise<Renewal> {
  const turns = createTurns();
  return () => turns.take(() => renewCertificates(fleet));
}

async function renewCertificates(fleet: Fleet): Promise<Renewal> {
  let replaced = 0;
  const failed: { readonly node: string; readonly reason: string }[] = [];
  const members = await nodesWithTls(fleet);
  const each = async (work: (cache: Cache, node: CacheNode) => Promise<boolean>) => {
    for (const { cache, node } of members) {
      try {
        if (await work(cache, node)) replaced += 1;
      } catch (error) {
        const reason = (error as Error).message;
        fleet.log.error('a certificate is not renewed, and this is tried again', {
          ...{ node: node.cacheClusterId, reason },
        });
        failed.push({ node: node.cacheClusterId, reason });
      }
    }
  };
  // First every node trusts a new authority, then the first one shows a certificate of it.
  await each((cache, node) => renewTrust(fleet, cache, node).then(() => false));
  await each((cache, node) => renewCertificate(fleet, cache, node));
  return { replaced, failed };
}

async function nodesWithTls({ store, host }: Fleet) {
  const nodes: CacheNode[] = [];
  for (let after: string | null = null; ; ) {
    const page = await store.nodesOnHost(host, { after, limit: 500 });
    nodes.push(...page.filter(isRunning));
    after = page.at(-1)?.incarnation ?? null;
    if (page.length < 500) break;
  }
  const caches = new Map<string, Cache | null>();
  for (const { cacheIncarnation, replicationGroupId } of nodes) {
    if (caches.has(cacheIncarnation)) continue;
    const cacheKind = replicationGroupId ? 'replication-group' : 'cache-cluster';
    caches.set(
      cacheIncarnation,
      (await loadCacheView(store, { cacheKind, cacheIncarnation }))?.cache ?? null,
    );
  }
  return nodes.flatMap((node) => {
    const cache = caches.get(node.cacheIncarnation);
    return cache ? [{ cache, node }] : [];
  });
}

const isRunning = ({ tls, engine, handle, intent }: CacheNode): boolean =>
  tls && engine !== 'memcached' && handle !== null && intent === 'running';

async function renewTrust(fleet: Fleet, cache: Cache, node: CacheNode): Promise<void> {
  const connection = await fleet.connections.of(node);
  const { name, files } = await trustFile(fleet, cache);
  if (basename((await loadedTlsFiles(connection)).trust) === name) return;
  await write(fleet, node, files);
  await loadTrust(connection, pathOf(fleet, node, name));
}

/** False when the node's certificate is good. */
async function renewCertificate(fleet: Fleet, cache: Cache, node: CacheNode): Promise<boolean> {
  const connection = await fleet.connections.of(node);
  const before = await loadedTlsFiles(connection);
  const reason = await whyReplaceLoaded(fleet, cache, node, before.certificate);
  if (reason !== null) {
    const { name, keyName, files } = certificateFiles(await goodCertificate(fleet, cache, node));
    if (name === basename(before.certificate)) throw new Error(`${reason}, and no other one can be issued`);
    await write(fleet, node, files);
    faultPoint('certificate:written');
    await loadCertificate(connection, {
      certificate: pathOf(fleet, node, name),
      key: pathOf(fleet, node, keyName),
    });
    faultPoint('certificate:loaded');
    fleet.log.info('a node has another certificate', { node: node.cacheClusterId, reason });
  }
  await removeOtherTlsFiles(fleet, node, Object.values(await loadedTlsFiles(connection)));
  return reason !== null;
}

const pathOf = ({ runtime }: Fleet, { incarnation }: CacheNode, name: string): string =>
  join(runtime.directoryOf(incarnation), name);

async function write(fleet: Fleet, node: CacheNode, files: FileContents): Promise<void> {
  for (const [name, content] of Object.entries(files))
    await fleet.runtime.files.write(pathOf(fleet, node, name), content);
}
