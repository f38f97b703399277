/**
 * Renews the certificates of running nodes, without a restart and without ending a connection: those that expire within a
 * month, that another authority has signed, or that lack a name. It relies on nothing remembered: the engine says which
 * files it has loaded.
 */
import { basename, join } from 'node:path';
import { loadCertificate, loadedTlsFiles, loadTrust } from '../engines/valkey/tls.ts';
import { loadCacheView } from '../fleet/cache-view.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { nodePages } from '../fleet/node-pages.ts';
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

interface Renewal {
  /** Nodes that have got another certificate in this round, or since the time that was asked about. */
  readonly replaced: number;
  readonly failed: readonly { readonly node: string; readonly reason: string }[];
}

/**
 * One round over all running nodes, which may be repeated. Of two that are asked for at once the second begins after the
 * first: each removes the files that the engine has not loaded, so also those that another round has just written.
 * A node that does not answer is passed over: its next start looks at its certificate.
 */
export function createCertificateRenewal(fleet: Fleet): CertificateRenewal {
  const turns = createTurns();
  /** By node: when it was last given another certificate; milliseconds since 1970. */
  const replacedAt = new Map<string, number>();
  return ({ since } = {}) =>
    turns.take(async () => {
      const begin = since ?? fleet.clock.now();
      const failed = await renewCertificates(fleet, replacedAt);
      return { replaced: [...replacedAt.values()].filter((at) => at >= begin).length, failed };
    });
}

/**
 * `since` (milliseconds since 1970): when whoever asks changed the authority. A round that was under way may have seen that, and
 * leave nothing to do.
 */
export type CertificateRenewal = (asked?: { readonly since?: number | undefined }) => Promise<Renewal>;

async function renewCertificates(fleet: Fleet, replacedAt: Map<string, number>): Promise<Renewal['failed']> {
  const failed: { readonly node: string; readonly reason: string }[] = [];
  const members = await nodesWithTls(fleet);
  for (const incarnation of replacedAt.keys())
    if (!members.some(({ node }) => node.incarnation === incarnation)) replacedAt.delete(incarnation);
  const each = async (work: (cache: Cache, node: CacheNode) => Promise<void>) => {
    for (const { cache, node } of members) {
      try {
        await work(cache, node);
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
  await each((cache, node) => renewTrust(fleet, cache, node));
  await each(async (cache, node) => {
    if (await renewCertificate(fleet, cache, node)) replacedAt.set(node.incarnation, fleet.clock.now());
  });
  return failed;
}

async function nodesWithTls(fleet: Fleet) {
  const nodes: CacheNode[] = [];
  for await (const page of nodePages(fleet)) nodes.push(...page.filter(isRunning));
  const caches = new Map<string, Cache | null>();
  for (const { cacheIncarnation, replicationGroupId } of nodes) {
    if (caches.has(cacheIncarnation)) continue;
    const cacheKind = replicationGroupId ? 'replication-group' : 'cache-cluster';
    caches.set(
      cacheIncarnation,
      (await loadCacheView(fleet.store, { cacheKind, cacheIncarnation }))?.cache ?? null,
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
