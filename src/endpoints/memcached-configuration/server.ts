/**
 * The process that serves every Memcached configuration endpoint of one Limber.
 *
 * One process for all of them, because a bare Node costs 48 MB of resident memory (10 MB of its own) and the work
 * is tiny; data traffic goes to the nodes directly. It is detached and outlives Limber. It follows its state
 * directory, says how it is on a socket there, and ends by itself when the directory is gone.
 */
import { createClients } from './clients.ts';
import { type ConfigurationEndpoint, type EndpointStatus, openEndpoint } from './endpoint.ts';
import { createFairTurns } from './fair-turns.ts';
import { processStartTime } from './process-start-time.ts';
import { followStateDirectory } from './state-directory.ts';
import { lockStateDirectory, serveStatus } from './status-socket.ts';

/** The answer to a probe. */
export interface ServerStatus {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot: with the pid it names this process and no later one. */
  readonly startTime: number;
  readonly endpoints: readonly EndpointStatus[];
}

/** Another server holds this state directory. */
export class StateDirectoryTaken extends Error {
  override readonly name = 'StateDirectoryTaken';
}

/**
 * Serves until `stop` or until the directory is gone; `onGone` is called then.
 * Throws `StateDirectoryTaken` when another server runs for this directory.
 */
export function startServer(stateDirectory: string, onGone: () => void): { stop: () => void } {
  const unlock = lockStateDirectory(stateDirectory);
  if (unlock === undefined) throw new StateDirectoryTaken(`another server already serves ${stateDirectory}`);
  const endpoints = new Map<string, ConfigurationEndpoint>();
  /** Files that never were right: no endpoint stands for them, but the probe shows them. */
  const refused = new Map<string, string>();
  const context = { turns: createFairTurns(), clients: createClients() };
  const startTime = processStartTime(process.pid) ?? 0;

  const unfollow = followStateDirectory(stateDirectory, {
    onConfiguration(name, configuration) {
      refused.delete(name);
      const endpoint = endpoints.get(name);
      if (endpoint === undefined) endpoints.set(name, openEndpoint(name, configuration, context));
      else endpoint.update(configuration);
    },
    onProblem(name, problem) {
      const sentence = `the state file is wrong: ${problem}`;
      const endpoint = endpoints.get(name);
      if (endpoint === undefined) refused.set(name, sentence);
      else endpoint.report(sentence);
    },
    onRemoved(name) {
      refused.delete(name);
      endpoints.get(name)?.close();
      endpoints.delete(name);
    },
    onGone() {
      stop();
      onGone();
    },
  });
  const status = (): ServerStatus => ({
    pid: process.pid,
    startTime,
    endpoints: [
      ...[...endpoints.values()].map((endpoint) => endpoint.status()),
      ...[...refused].map(([name, problem]) => unserved(name, problem)),
    ],
  });
  const closeStatus = serveStatus(stateDirectory, status);

  function stop(): void {
    unfollow();
    closeStatus();
    for (const endpoint of endpoints.values()) endpoint.close();
    unlock?.();
  }
  return { stop };
}

function unserved(name: string, problem: string): EndpointStatus {
  return {
    name,
    address: '',
    port: 0,
    version: 0,
    isListening: false,
    problem,
    clients: 0,
    configGets: 0,
    nodes: [],
  };
}
