/**
 * What Memcached's configuration endpoints are to serve: one file for each in the state directory of the process that serves
 * them all (configuration-process.ts). It is detached and outlives Limber like the cache nodes do.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  type EndpointConfiguration,
  type EndpointStatus,
  listConfigurations,
  makeStateDirectory,
  probeConfigurationServer,
  readConfiguration,
  removeConfiguration,
  writeConfiguration,
} from '../endpoints/memcached-configuration/control.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Log } from '../platform/log.ts';
import { createTurns } from '../platform/turns.ts';
import type { CacheView } from './cache-view.ts';
import { createConfigurationProcess } from './configuration-process.ts';
import { nodeListOf } from './node-list.ts';

export interface ConfigurationServer {
  /**
   * Lets this cache's endpoint serve the present list, and resolves when it does. Throws when it does not in time, and
   * the signal's reason when that aborts.
   */
  publish(view: CacheView, version: number, signal?: AbortSignal): Promise<void>;
  /** The caches that something is published of, by incarnation. */
  published(): string[];
  /** What is published of this cache; null when nothing is, or its file is damaged. */
  read(cacheIncarnation: string): EndpointConfiguration | null;
  /** Publishes this instead of what `read` gave, and waits for nobody. False when that has changed meanwhile. */
  replace(
    cacheIncarnation: string,
    read: EndpointConfiguration | null,
    next: EndpointConfiguration,
  ): Promise<boolean>;
  /** Resolves when nobody serves it any more; one that hangs is not waited for longer than a second. May be repeated. */
  withdraw(cacheIncarnation: string): Promise<void>;
  /** The endpoints that it cannot serve at present; none while the process does not run. */
  unserved(): Promise<readonly EndpointStatus[]>;
  /** Starts the process when there is something to serve and it is not there, or hangs; ends it when there is nothing. */
  ensure(): Promise<void>;
  /** Ends the process for the rest of this life of Limber, or until something is published. */
  stop(): Promise<void>;
}

const publishDeadlineMs = 5_000;
/** A server that hangs is waited for no longer: whatever serves the endpoint later reads first that the file is gone. */
const withdrawDeadlineMs = 1_000;

export function createConfigurationServer(options: {
  readonly dataDirectory: string;
  readonly dnsZone: string | null;
  readonly log: Log;
}): ConfigurationServer {
  const { dataDirectory, log } = options;
  const directory = join(dataDirectory, 'endpoints', 'memcached');
  const server = createConfigurationProcess({
    stateDirectory: directory,
    compileCacheDirectory: join(dataDirectory, 'compile-cache'),
    log,
  });
  /** One at a time: a list that is published while the process is being ended would be served by nobody. */
  const turns = createTurns();
  let isWanted = true;
  /** Until it was seen that none runs: to look for its process costs more than to ask it, and one that hangs does not answer. */
  let mayBeThere = true;

  async function untilServed(
    name: string,
    { address, port, version }: EndpointConfiguration,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const deadline = performance.now() + publishDeadlineMs;
    for (;;) {
      signal?.throwIfAborted();
      const status = await probeConfigurationServer(directory);
      const endpoint = status?.endpoints.find((one) => one.name === name);
      if (endpoint?.isListening && endpoint.version === version) return;
      if (performance.now() > deadline) {
        const problem = endpoint?.problem ?? 'no answer';
        throw new Error(`the configuration endpoint ${address}:${port} is not served: ${problem}`);
      }
      await delay(5);
    }
  }

  async function untilUnserved(name: string): Promise<void> {
    const deadline = performance.now() + withdrawDeadlineMs;
    while (performance.now() < deadline) {
      const status = await probeConfigurationServer(directory);
      if (!status?.endpoints.some((one) => one.name === name)) return;
      await delay(5);
    }
    log.warn('the configuration endpoint of a deleted cache is still served', { cache: name });
  }

  return {
    ensure: () =>
      turns.take(async () => {
        if (!isWanted) return;
        if (listConfigurations(directory).length > 0) {
          mayBeThere = true;
          return server.ensure();
        }
        if (!mayBeThere) return;
        if (server.isThere()) {
          log.info('the configuration server ends: there is no Memcached cache any more');
          await server.end();
        }
        mayBeThere = server.isThere();
      }),
    async publish(view, version, signal) {
      const configuration = nodeListOf(view, version, options.dnsZone);
      if (!configuration) return;
      const name = view.cache.incarnation;
      await turns.take(async () => {
        isWanted = true;
        mayBeThere = true;
        makeStateDirectory(directory);
        writeConfiguration(directory, name, configuration);
        faultPoint('configuration:written');
        await server.ensure();
      });
      await untilServed(name, configuration, signal);
      faultPoint('configuration:served');
    },
    async unserved() {
      const status = await probeConfigurationServer(directory);
      return (status?.endpoints ?? []).filter(({ isListening }) => !isListening);
    },
    published: () => listConfigurations(directory),
    read: (cacheIncarnation) => readConfiguration(directory, cacheIncarnation),
    replace: (cacheIncarnation, read, next) =>
      turns.take(async () => {
        if (!isDeepStrictEqual(readConfiguration(directory, cacheIncarnation), read)) return false;
        makeStateDirectory(directory);
        writeConfiguration(directory, cacheIncarnation, next);
        return true;
      }),
    async withdraw(cacheIncarnation) {
      makeStateDirectory(directory);
      removeConfiguration(directory, cacheIncarnation);
      faultPoint('configuration:withdrawn');
      await untilUnserved(cacheIncarnation);
    },
    async stop() {
      isWanted = false;
      await server.end();
    },
  };
}
