/** Limber's own API for its CLI: what ElastiCache has no action for. Signed like everything else. */
import type { ActionContext } from '../actions/action.ts';
import type { EngineStore } from '../engine-store/contract.ts';
import type { CacheView } from '../fleet/cache-view.ts';
import { isClusterMode, versionToRun } from '../fleet/cache-view.ts';
import { parseReference } from '../model/identifiers.ts';
import { operatedCacheOf } from '../model/operation-input.ts';
import type { Cache } from '../model/resource.ts';
import { invalidValue, ServiceError } from '../model/service-errors.ts';
import type { Runner } from '../operations/runner.ts';
import type { Tools } from '../operations/tools.ts';
import type { CertificateRenewal } from '../reconcilers/certificates.ts';
import { allCaches } from './all-caches.ts';
import { createFaultRoute } from './fault.ts';
import { createLogsRoute } from './logs.ts';
import { createStopCachesRoute } from './stop-caches.ts';
import { createSwitchoverRoute } from './switchover.ts';

interface AdminOptions {
  readonly tools: Tools;
  readonly engineStore: EngineStore;
  readonly version: string;
  readonly startedAt: number;
  readonly findings: () => readonly string[];
  readonly queue: Runner;
  readonly renewCertificates: CertificateRenewal;
  /** Ends this process soon; the caches go on. */
  readonly requestStop: () => void;
}

type AdminRoute = (body: unknown, context: ActionContext) => Promise<unknown>;

export function createAdminRoutes(options: AdminOptions): Readonly<Record<string, AdminRoute>> {
  return {
    status: () => status(options),
    stop: async () => {
      options.requestStop();
      return { pid: process.pid };
    },
    'stop-caches': createStopCachesRoute(options.tools, options.queue),
    connect: (body, context) => connect(options, body, context),
    'renew-certificates': (body) => renewCertificates(options, body),
    fault: createFaultRoute(options.tools.fleet),
    logs: createLogsRoute(options.tools.fleet),
    switchover: createSwitchoverRoute(options.tools, options.queue.wake),
  };
}

async function status(options: AdminOptions) {
  const { tools, version, startedAt } = options;
  const { fleet, shards } = tools;
  const views = await allCaches(options.tools);
  const names = new Map(views.map(({ cache }) => [cache.incarnation, cache.id]));
  return {
    version,
    pid: process.pid,
    startedAt: new Date(startedAt).toISOString(),
    dataDirectory: fleet.dataDirectory,
    pool: fleet.pool.cidr,
    caches: views.map(({ cache, nodes, endpoints }) => ({
      kind: cache.kind,
      id: cache.id,
      region: cache.region,
      account: cache.account,
      status: cache.status,
      engine: cache.desired.engine,
      version: cache.observed.runningVersion ?? versionToRun(cache.desired),
      standsInFor: cache.desired.standIn === undefined ? null : cache.desired.engineVersion,
      nodes: nodes.length,
      tls: cache.desired.transitEncryption !== 'off',
      members: nodes.map((node) => ({
        id: node.cacheClusterId,
        cacheNodeId: node.cacheNodeId,
        nodeGroupId: node.nodeGroupId,
        role: node.role,
        address: node.address,
        port: node.port,
        pid: node.handle?.pid ?? null,
        zone: node.availabilityZone,
        status: node.status,
      })),
      endpoints: endpoints
        .filter((endpoint) => endpoint.purpose !== 'node')
        .map(({ purpose, address, port, dnsName }) => ({ purpose, address, port, dnsName })),
      sentence: shards.health(cache.incarnation, nodes).sentence,
    })),
    shards: shards.reports().map(({ key, isSettled, sentence, concern }) => ({
      cache: names.get(key.cacheIncarnation) ?? key.cacheIncarnation,
      nodeGroupId: key.nodeGroupId,
      isSettled,
      sentence,
      concern,
    })),
    operations: await underWay(options, names),
    passwordless: views
      .filter(({ cache }) => cache.desired.configurations.at(-1)?.auth?.isOpen)
      .map(({ cache }) => cache.id),
    undelivered: views.flatMap(({ cache }) => undeliveredLogs(cache)),
    findings: [...options.findings(), ...shards.findings()],
  };
}

/** `{ since? }`: milliseconds since 1970. */
function renewCertificates({ renewCertificates }: AdminOptions, body: unknown) {
  const { since } = (body ?? {}) as { readonly since?: unknown };
  return renewCertificates({ since: typeof since === 'number' ? since : undefined });
}

const undeliveredLogs = ({ id, observed }: Cache): readonly string[] =>
  (observed.logDelivery ?? [])
    .filter(({ status }) => status === 'error')
    .map(({ logType, message }) => `the ${logType} of ${id} is not delivered: ${message}`);

/** Operations that have begun, and those that wait until one of the same cache has ended. */
async function underWay({ tools, queue }: AdminOptions, names: ReadonlyMap<string, string>) {
  const { store, clock } = tools.fleet;
  const begun = new Map(queue.progress().map((progress) => [progress.id, progress]));
  return (await store.openOperations()).map(({ id, kind, lock, input, ...row }) => {
    const progress = begun.get(id);
    return {
      id,
      kind,
      cache: names.get(lock) ?? operatedCacheOf(input)?.cacheId ?? lock,
      step: progress?.step ?? null,
      activity: progress?.activity ?? 'queued',
      sentence: progress?.sentence ?? row.sentence,
      forMs: progress ? Math.round(clock.monotonic() - progress.since) : null,
      stepMs: progress?.stepMs ?? row.workedMs,
      limitMs: progress?.limitMs ?? null,
      isOverdue: progress?.isOverdue ?? false,
      attempts: progress?.attempts ?? row.attempts,
      lastError: progress ? progress.lastError : row.lastError,
    };
  });
}

/** Where `limber connect NAME` goes: a group's or cluster's best endpoint, or one member. */
async function connect(options: AdminOptions, body: unknown, context: ActionContext) {
  const { name, region } = (body ?? {}) as { name?: unknown; region?: unknown };
  if (typeof name !== 'string') throw invalidValue('connect needs a name.');
  const id = parseReference(name, 'name');
  const views = (await allCaches(options.tools)).filter(
    (view) =>
      view.cache.account === context.account && (region === undefined || view.cache.region === region),
  );
  const view = views.find(({ cache }) => cache.id === id) ?? views.find((one) => memberOf(one, id));
  if (!view)
    throw new ServiceError(
      'CacheClusterNotFound',
      `There is no replication group, cluster or member ${id} here. ${views.length > 0 ? `There is: ${views.map(({ cache }) => cache.id).join(', ')}.` : ''}`,
    );
  const { cache } = view;
  const target = view.cache.id === id ? bestEndpoint(view) : memberOf(view, id);
  if (!target)
    throw new ServiceError('InvalidCacheClusterState', `${id} is ${cache.status}: it has no endpoint yet.`);
  const { engine } = await options.engineStore.resolve({
    engine: cache.desired.engine,
    version: view.nodes[0]?.started?.engineVersion ?? versionToRun(cache.desired),
  });
  const cli = engine.program('cli');
  return {
    engine: cache.desired.engine,
    address: target.address,
    port: target.port,
    clusterMode: isClusterMode(cache),
    tls: cache.desired.transitEncryption !== 'off',
    auth: cache.desired.configurations.at(-1)?.auth?.isOpen === false,
    cli: cli ? { command: cli.command, args: cli.args, env: cli.env ?? {} } : null,
  };
}

const memberOf = (view: CacheView, id: string) =>
  view.nodes.find((node) => node.cacheClusterId === id && node.intent !== 'deleted');

function bestEndpoint(view: CacheView) {
  const find = (purpose: string) => view.endpoints.find((endpoint) => endpoint.purpose === purpose);
  return find('configuration') ?? find('primary') ?? view.nodes[0];
}
