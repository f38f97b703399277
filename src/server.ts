/** The composition root: the only file that wires everything. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createActions } from './actions/index.ts';
import { createAdminRoutes } from './admin/routes.ts';
import type { RunnableVersion } from './catalog/engine-versions.ts';
import { parsePool } from './endpoints/addresses.ts';
import { defaultDnsPort, startDnsServer } from './endpoints/dns/server.ts';
import { probeAddress } from './endpoints/port-probe.ts';
import type { EngineStore } from './engine-store/contract.ts';
import { createEngineStore } from './engine-store/engine-store.ts';
import { rememberEngines } from './engine-store/remember-engines.ts';
import { createConfigurationServer } from './fleet/configuration-server.ts';
import { createConnections } from './fleet/connections.ts';
import { createNameLookup } from './fleet/endpoint-names.ts';
import { createFingerprints } from './fleet/fingerprints.ts';
import type { Fleet } from './fleet/fleet.ts';
import { defaultSettings, type Settings } from './fleet/settings.ts';
import { createFrontDoor } from './http/front-door.ts';
import type { LogEndpoints } from './model/log-delivery.ts';
import { createOperationKinds } from './operations/index.ts';
import { createRunner } from './operations/runner.ts';
import type { Tools } from './operations/tools.ts';
import { systemClock } from './platform/clock.ts';
import { systemIds } from './platform/ids.ts';
import { createLog, type LogLevel } from './platform/log.ts';
import { createQuietMemory } from './platform/quiet-memory.ts';
import { createTurns } from './platform/turns.ts';
import { version } from './platform/version.ts';
import { adoptNodes } from './reconcilers/adopt.ts';
import { createCertificateRenewal } from './reconcilers/certificates.ts';
import { createConfigurationEndpoints } from './reconcilers/configuration-endpoints.ts';
import { createCopies } from './reconcilers/copies.ts';
import { createHealthMonitor } from './reconcilers/health/monitor.ts';
import { createPing } from './reconcilers/health/ping.ts';
import { createCloudWatchDestination } from './reconcilers/log-delivery/cloudwatch-destination.ts';
import { createFileDestination, removeOldFiles } from './reconcilers/log-delivery/file-destination.ts';
import { createFirehoseDestination } from './reconcilers/log-delivery/firehose-destination.ts';
import { createLogDelivery, type LogDestinations } from './reconcilers/log-delivery/log-delivery.ts';
import { correctNodeLists } from './reconcilers/node-lists.ts';
import { periodically } from './reconcilers/periodic.ts';
import { createShards } from './reconcilers/shards.ts';
import { createUnseenNodes } from './reconcilers/unseen-nodes.ts';
import { applyPendingValues } from './reconcilers/windows.ts';
import { createProcessRuntime } from './runtime/process/process-runtime.ts';
import { createCertificates } from './security/certificates/certificates.ts';
import { loadOrCreateRootCredentials } from './security/root-credentials.ts';
import { openSqliteStore } from './store/sqlite/open-sqlite-store.ts';

interface ServerOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly dataDirectory: string;
  /** CIDR, a part of 127.0.0.0/8. */
  readonly pool: string;
  /** Zone of the endpoints' DNS names, or null: endpoints are shown as addresses. */
  readonly dnsZone: string | null;
  /** Where the zone is served, on 127.0.0.1; 0 takes a free one. */
  readonly dnsPort?: number;
  readonly enginesDirectory?: string;
  readonly logLevel: LogLevel;
  readonly settings?: Partial<Settings>;
  /** The services that take delivered logs; files do for those that are left out. */
  readonly logEndpoints?: LogEndpoints;
}

export interface RunningServer {
  readonly port: number;
  /** Null without a zone. */
  readonly dnsPort: number | null;
  /** Ends Limber within a second; the caches go on. May be called again. */
  close(): Promise<void>;
}

const host = 'local';
/** In the data directory: what log delivery has delivered. */
const logFolder = 'logs';
const logFilesMs = 30 * 86_400_000;

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const [clock, ids] = [systemClock, systemIds];
  const startedAt = clock.now();
  const log = createLog(options.logLevel);
  const pool = parsePool(options.pool);
  const settings: Settings = { ...defaultSettings, ...options.settings };
  const { dataDirectory } = options;
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const store = await openSqliteStore({ directory: dataDirectory, clock, log });
  const credentials = await loadOrCreateRootCredentials(dataDirectory, ids);
  await store.commit([{ put: 'access-key', row: { ...credentials, name: 'root' } }]);
  const engineStore = rememberEngines(
    createEngineStore(options.enginesDirectory ? { directory: options.enginesDirectory } : {}),
  );
  const runtime = createProcessRuntime({ dataDirectory, clock, log });
  const certificates = createCertificates({ dataDirectory, clock, ids });
  const connections = createConnections(store, certificates, runtime);
  const fleet: Fleet = {
    store,
    clock,
    ids,
    log,
    runtime,
    engineStore,
    connections,
    certificates,
    host,
    pool,
    probeAddress,
    placing: createTurns(),
    dataDirectory,
    dnsZone: options.dnsZone,
    settings,
    fingerprintOf: createFingerprints(join(dataDirectory, 'fingerprints')),
  };
  const { ping, close: closePing } = createPing(fleet);
  const monitor = createHealthMonitor({ runtime, clock, log, limits: settings, ping });
  const shards = createShards(fleet, monitor, () => runner.nudge());
  const configurationServer = createConfigurationServer({ dataDirectory, dnsZone: options.dnsZone, log });
  const configurationEndpoints = createConfigurationEndpoints(fleet, configurationServer);
  const tools: Tools = { fleet, shards, configurationServer };
  const runner = createRunner({
    store,
    clock,
    log,
    patience: settings.patience,
    kinds: createOperationKinds(tools),
  });
  const adoption = await adoptNodes(fleet);
  for (const finding of adoption.findings) log.warn(finding);
  const unseenNodes = createUnseenNodes(fleet);
  await unseenNodes.find();
  if (store.olderCopy) {
    log.error('the state file is an older copy than this Limber has written: nothing unknown is touched');
    await store.acceptOlderCopy();
  }
  // Before anybody can ask for a change.
  const memcached = adoption.keys.filter(({ nodeGroupId }) => nodeGroupId === null);
  await correctNodeLists(
    fleet,
    configurationServer,
    memcached.map(({ cacheIncarnation }) => cacheIncarnation),
  ).catch((error: unknown) => log.error('the node lists of Memcached caches were not looked at', { error }));
  const renewCertificates = createCertificateRenewal(fleet);
  const frontDoor = createFrontDoor({
    actions: createActions({
      store,
      copies: createCopies(shards),
      clock,
      ids,
      queue: runner,
      engineOffer: async () => ({
        runnable: await runnableVersions(engineStore),
        allowStandIns: settings.allowStandIns,
      }),
      dnsZone: options.dnsZone,
      describeHoldMs: settings.describeHoldMs,
      testFailoversPerDay: settings.testFailoversPerDay,
      allowValkeyCacheClusters: settings.allowValkeyCacheClusters,
      deleteAnywayAfterMs: settings.deleteAnywayAfterMs,
    }),
    adminRoutes: createAdminRoutes({
      tools,
      engineStore,
      version,
      startedAt,
      findings: () => [...adoption.findings, ...unseenNodes.findings(), ...configurationEndpoints.findings()],
      queue: runner,
      renewCertificates,
      // The same way as everybody else's wish that Limber ends.
      requestStop: () => setImmediate(() => process.kill(process.pid, 'SIGTERM')),
    }),
    lookUpCredential: (accessKeyId) => store.accessKey(accessKeyId),
    clock,
    newRequestId: ids.requestId,
    log,
    health: () => ({ version }),
  });
  const dns =
    options.dnsZone === null
      ? null
      : await startDnsServer({
          zone: options.dnsZone,
          port: options.dnsPort ?? defaultDnsPort,
          lookUp: createNameLookup({ store, isServing: (node) => monitor.verdict(node) === 'answering' }),
          log,
        });
  const { port } = await frontDoor.listen('127.0.0.1', options.port);
  shards.ensure(adoption.keys);
  runner.wake();
  const giveMemoryBack = createQuietMemory();
  const renew = async () => void (await renewCertificates());
  // What became due while no Limber ran, or was under way when the last one died.
  const firstRenewal = clock.after(1_000, () => {
    renew().catch((error: unknown) => log.error('certificates are looked at later', { error }));
  });
  const logDelivery = createLogDelivery(fleet, logDestinations(dataDirectory, options.logEndpoints));
  const rounds = [
    periodically('giving memory back', 10_000, fleet, async () => giveMemoryBack()),
    periodically('the maintenance window', 15_000, fleet, () => applyPendingValues(fleet, runner.wake)),
    periodically('renewing certificates', 600_000, fleet, renew),
    periodically('forgetting old events', 3_600_000, fleet, async () => {
      while ((await store.forgetBefore(clock.now() - 14 * 86_400_000)) > 0);
    }),
    periodically('removing old logs', 3_600_000, fleet, () =>
      removeOldFiles(join(dataDirectory, logFolder), clock.now() - logFilesMs),
    ),
    periodically('the configuration server', 1_000, fleet, configurationServer.ensure),
    periodically('log delivery', settings.logDeliveryMs, fleet, logDelivery.look),
    periodically('the configuration endpoints', 2_000, fleet, configurationEndpoints.look),
    periodically('nodes that are not seen', 2_000, fleet, unseenNodes.look),
    periodically('the node lists', 5_000, fleet, () => correctNodeLists(fleet, configurationServer)),
  ];
  configurationServer
    .ensure()
    .catch((error: unknown) => log.error('the configuration server does not run', { error }));
  log.info('Limber serves', { port, adopted: adoption.adopted, startMs: clock.now() - startedAt });

  let closing: Promise<void> | null = null;
  return {
    port,
    dnsPort: dns?.port ?? null,
    close() {
      closing ??= (async () => {
        for (const round of [firstRenewal, ...rounds]) round.stop();
        await Promise.all([frontDoor.close(), dns?.close()]);
        await Promise.race([
          Promise.all([runner.stop(500), shards.stop(), logDelivery.stop()]),
          new Promise((resolve) => setTimeout(resolve, 500).unref()),
        ]);
        monitor.close();
        connections.close();
        closePing();
        await store.close();
      })();
      return closing;
    },
  };
}

function logDestinations(
  dataDirectory: string,
  { cloudWatchLogs, firehose }: LogEndpoints = {},
): LogDestinations {
  const files = createFileDestination(join(dataDirectory, logFolder));
  return {
    'cloudwatch-logs': cloudWatchLogs ? createCloudWatchDestination(cloudWatchLogs) : files,
    'kinesis-firehose': firehose ? createFirehoseDestination(firehose) : files,
  };
}

async function runnableVersions(engineStore: EngineStore): Promise<readonly RunnableVersion[]> {
  const installed = await engineStore.installed();
  const versions = new Map<string, RunnableVersion>();
  for (const { engine, version } of engineStore.available())
    versions.set(`${engine}@${version}`, { engine, version, installed: false });
  for (const { engine, version } of installed)
    versions.set(`${engine}@${version}`, { engine, version, installed: true });
  return [...versions.values()];
}
