/**
 * The process of the configuration server: started when there is something to serve, started again when it is gone, killed
 * when it hangs, ended when nothing is left to serve. It keeps nothing that is not in a file of its state directory, and
 * says itself when another one holds that directory.
 */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import {
  configurationServerCommand,
  findServerProcesses,
  makeStateDirectory,
  probeConfigurationServer,
} from '../endpoints/memcached-configuration/control.ts';
import type { Log } from '../platform/log.ts';
import { readMainThreadCpuMs } from '../platform/proc.ts';

const startDeadlineMs = 5_000;
/** A server that has been busy for longer than this without an answer serves nobody. A judgement. */
const busyMsMax = 10_000;
const endDeadlineMs = 1_000;
/** How it ends when another process holds the directory; see main.ts. */
const takenExitCode = 3;

interface ConfigurationProcess {
  /** Starts it when it is not there, or hangs. Throws when it does not come up. */
  ensure(): Promise<void>;
  /** Ends it, also when it hangs, and waits for that, but not long. */
  end(): Promise<void>;
  /** Whether its process is on this machine, also when it hangs. */
  isThere(): boolean;
}

export function createConfigurationProcess(options: {
  readonly stateDirectory: string;
  readonly compileCacheDirectory: string;
  readonly log: Log;
}): ConfigurationProcess {
  const { stateDirectory, compileCacheDirectory, log } = options;
  let starting: Promise<void> | null = null;

  async function start(): Promise<void> {
    if (await probeConfigurationServer(stateDirectory)) return;
    if (await answersLate()) return;
    makeStateDirectory(stateDirectory);
    if (await launch()) return;
    killSilent();
    if (!(await launch())) throw new Error(`another process holds ${stateDirectory} and does not answer`);
  }

  /**
   * Processor time tells a hang from a busy server (as with engines, decision 0011): as long as it gets on, an answer is
   * waited for. Whoever is killed for being busy has lost its clients, who then come back all at once.
   */
  async function answersLate(): Promise<boolean> {
    const deadline = performance.now() + busyMsMax;
    for (let before = processorMs(); ; ) {
      if (await probeConfigurationServer(stateDirectory)) return true;
      const now = processorMs();
      if (now === null || now === before || performance.now() > deadline) return false;
      before = now;
    }
  }

  /** Of the server's processes together; null when there is none. */
  function processorMs(): number | null {
    const known = findServerProcesses(stateDirectory)
      .map(readMainThreadCpuMs)
      .filter((ms) => ms !== null);
    return known.length === 0 ? null : known.reduce((sum, ms) => sum + ms, 0);
  }

  /** False when another process holds the directory and does not answer within a second. */
  async function launch(): Promise<boolean> {
    const { command, args, env } = configurationServerCommand(stateDirectory, { compileCacheDirectory });
    // Two at once do no harm: the second one ends by itself.
    const child = spawn(command, args, { detached: true, stdio: 'ignore', env: { ...env } });
    child.on('error', (error) => log.error('the configuration server did not start', { error }));
    child.unref();
    const deadline = performance.now() + startDeadlineMs;
    for (;;) {
      const isTaken = child.exitCode === takenExitCode;
      if (await probeConfigurationServer(stateDirectory)) break;
      if (isTaken) return false;
      if (performance.now() > deadline)
        throw new Error(`the configuration server did not answer within ${startDeadlineMs} ms`);
      await delay(10);
    }
    log.info('the configuration server of Memcached caches runs', { pid: child.pid });
    return true;
  }

  function killSilent(): void {
    for (const pid of findServerProcesses(stateDirectory)) {
      log.warn('the configuration server holds its directory and does not answer: it is killed', { pid });
      process.kill(pid, 'SIGKILL');
    }
  }

  return {
    isThere: () => findServerProcesses(stateDirectory).length > 0,
    async ensure() {
      starting ??= start().finally(() => {
        starting = null;
      });
      await starting;
    },
    async end() {
      await starting?.catch(() => {}); // a server that is being started would come up after this
      const status = await probeConfigurationServer(stateDirectory);
      // Its pid was checked against its start time a moment ago.
      if (status?.isSeen) process.kill(status.pid, 'SIGTERM');
      else if (status) log.warn('the configuration server is left to run: its process is not seen');
      else killSilent();
      const deadline = performance.now() + endDeadlineMs;
      while (findServerProcesses(stateDirectory).length > 0 && performance.now() < deadline) await delay(5);
    },
  };
}
