/**
 * The process that serves Memcached's configuration endpoints. It is detached and outlives Limber like the cache
 * nodes do; when it is gone, it is started again, and finds what to serve in its state directory. One that hangs is
 * killed first: it keeps nothing that is not in a file.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { defaultKeyRefreshMs } from '../endpoints/memcached-configuration/configuration.ts';
import {
  configurationServerCommand,
  type EndpointConfiguration,
  findServerProcesses,
  makeStateDirectory,
  probeConfigurationServer,
  removeConfiguration,
  writeConfiguration,
} from '../endpoints/memcached-configuration/control.ts';
import type { CacheNode, Endpoint } from '../model/node.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Log } from '../platform/log.ts';
import type { CacheView } from './cache-view.ts';

export interface ConfigurationServer {
  /**
   * Lets this cache's endpoint serve the present list, and resolves when it does. Throws when it does not in time, and
   * the signal's reason when that aborts.
   */
  publish(view: CacheView, version: number, signal?: AbortSignal): Promise<void>;
  /** May be repeated. */
  withdraw(cacheIncarnation: string): void;
  /** Starts the process when it is not there, or does not answer. */
  ensure(): Promise<void>;
  /** Ends the process for the rest of this life of Limber, or until something is published. */
  stop(): Promise<void>;
}

const startDeadlineMs = 5_000;
const publishDeadlineMs = 5_000;
/** How it ends when another process holds the directory; see main.ts. */
const takenExitCode = 3;

export function createConfigurationServer(options: {
  readonly dataDirectory: string;
  readonly dnsZone: string | null;
  readonly log: Log;
}): ConfigurationServer {
  const { dataDirectory, log } = options;
  const directory = join(dataDirectory, 'endpoints', 'memcached');
  let starting: Promise<void> | null = null;
  let isWanted = true;

  async function start(): Promise<void> {
    if (await probeConfigurationServer(directory)) return;
    makeStateDirectory(directory);
    if (await launch()) return;
    killSilent();
    if (!(await launch())) throw new Error(`another process holds ${directory} and does not answer`);
  }

  /** False when another process holds the directory and does not answer within a second. */
  async function launch(): Promise<boolean> {
    const { command, args, env } = commandOf();
    // Two at once do no harm: the second one ends by itself.
    const child = spawn(command, args, { detached: true, stdio: 'ignore', env: { ...env } });
    child.on('error', (error) => log.error('the configuration server did not start', { error }));
    child.unref();
    const deadline = performance.now() + startDeadlineMs;
    for (;;) {
      const isTaken = child.exitCode === takenExitCode;
      if (await probeConfigurationServer(directory)) break;
      if (isTaken) return false;
      if (performance.now() > deadline)
        throw new Error(`the configuration server did not answer within ${startDeadlineMs} ms`);
      await delay(10);
    }
    log.info('the configuration server of Memcached caches runs', { pid: child.pid });
    return true;
  }

  function killSilent(): void {
    for (const pid of findServerProcesses(directory)) {
      log.warn('the configuration server holds its directory and does not answer: it is killed', { pid });
      process.kill(pid, 'SIGKILL');
    }
  }

  const commandOf = () =>
    configurationServerCommand(directory, { compileCacheDirectory: join(dataDirectory, 'compile-cache') });

  async function ensure(): Promise<void> {
    if (!isWanted) return;
    starting ??= start().finally(() => {
      starting = null;
    });
    await starting;
  }

  return {
    ensure,
    async publish(view, version, signal) {
      const configuration = configurationOf(view, version, options.dnsZone);
      if (!configuration) return;
      isWanted = true;
      makeStateDirectory(directory);
      const name = view.cache.incarnation;
      writeConfiguration(directory, name, configuration);
      faultPoint('configuration:written');
      await ensure();
      const deadline = performance.now() + publishDeadlineMs;
      for (;;) {
        signal?.throwIfAborted();
        const status = await probeConfigurationServer(directory);
        const endpoint = status?.endpoints.find((one) => one.name === name);
        if (endpoint?.isListening && endpoint.version === version) {
          faultPoint('configuration:served');
          return;
        }
        if (performance.now() > deadline)
          throw new Error(
            `the configuration endpoint ${configuration.address}:${configuration.port} is not served: ${
              endpoint?.problem ?? 'no answer'
            }`,
          );
        await delay(5);
      }
    },
    withdraw: (cacheIncarnation) => {
      makeStateDirectory(directory);
      removeConfiguration(directory, cacheIncarnation);
      faultPoint('configuration:withdrawn');
    },
    async stop() {
      isWanted = false;
      await starting?.catch(() => {}); // a server that is being started would come up after this
      const status = await probeConfigurationServer(directory);
      // Its pid was checked against its start time a moment ago.
      if (status) process.kill(status.pid, 'SIGTERM');
      else killSilent();
    },
  };
}

/** The list that clients get: names where DNS serves them, else addresses. Null without an endpoint. */
function configurationOf(
  view: CacheView,
  version: number,
  dnsZone: string | null,
): EndpointConfiguration | null {
  const endpoint = view.endpoints.find((one) => one.purpose === 'configuration');
  if (!endpoint) return null;
  const listed = view.nodes.filter((node) => node.intent === 'running' || node.intent === 'restarting');
  return {
    address: endpoint.address,
    port: endpoint.port,
    version,
    nodes: listed.map((node) => ({
      host: hostOf(node, view.endpoints, dnsZone),
      ip: node.address,
      port: node.port,
    })),
    keyRefreshMs: defaultKeyRefreshMs,
  };
}

function hostOf(node: CacheNode, endpoints: readonly Endpoint[], dnsZone: string | null): string {
  const own = endpoints.find((endpoint) => endpoint.nodeIncarnation === node.incarnation);
  return dnsZone !== null && own ? `${own.dnsName}.${dnsZone}` : node.address;
}
