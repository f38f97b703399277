/** `limber up --detach`: starts Limber in the background and returns when it is healthy. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CommandFailed, heldExitCode } from './arguments.ts';
import { welcome } from './banner.ts';
import { lastWords, openLog } from './log-file.ts';
import { askHealth, findLimber, readStartRecord } from './start-record.ts';
import { noDns, type UpOptions } from './up-options.ts';

const pollMs = 20;
/** A Limber is healthy after 0.1-0.4 s as a rule; on a machine that comes back with hundreds of nodes it takes longer. A judgement. */
const healthyWithinMs = 60_000;
const otherWithinMs = 10_000;

export async function startDetached(options: UpOptions): Promise<number> {
  const { dataDirectory, pool, dnsZone } = options;
  const { pid, port, isNew } = await launchDetached(options);
  if (!isNew) {
    console.log(`${alreadyRuns(dataDirectory, pid, port)}.`);
    return 0;
  }
  const dnsPort = (await readStartRecord(dataDirectory))?.dnsPort ?? null;
  console.log(await welcome({ port, dataDirectory, pool, dnsZone, dnsPort, isInForeground: false }));
  return 0;
}

export function alreadyRuns(dataDirectory: string, pid: number, port: number): string {
  return `Limber already runs with the data directory ${dataDirectory} (pid ${pid}, http://127.0.0.1:${port})`;
}

/**
 * Resolves when the new Limber is healthy, or (`isNew` false) the one that somebody else has just started with this
 * data directory. Throws `CommandFailed` with its last words; it does not run then.
 */
export async function launchDetached(
  options: UpOptions,
): Promise<{ pid: number; port: number; isNew: boolean }> {
  const log = openLog(options.dataDirectory);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [...process.execArgv, mainProgram, ...argumentsFor(options)], {
      detached: true,
      stdio: ['ignore', 'ignore', log.descriptor],
      env: { ...process.env, LIMBER_SETTINGS: JSON.stringify(options.settings) },
    });
  } finally {
    closeSync(log.descriptor);
  }
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  // Who gives up waiting for a Limber does not want it either.
  const stop = () => void child.kill('SIGTERM');
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const outcome = await Promise.race([exited, untilHealthy(child, options.dataDirectory)]);
    if (typeof outcome !== 'string') {
      child.unref();
      return { ...outcome, isNew: true };
    }
    child.kill('SIGTERM');
    const other = child.exitCode === heldExitCode ? await untilOtherServes(options.dataDirectory) : null;
    if (other) return { ...other, isNew: false };
    const words = lastWords(log.path, log.size);
    throw new CommandFailed(
      `Limber did not start (${outcome})${words ? `:\n${words}` : ''}\nIts log: ${log.path}`,
    );
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

const mainProgram = fileURLToPath(new URL('./main.ts', import.meta.url));

function argumentsFor({ port, dataDirectory, pool, dnsZone, dnsPort, logLevel }: UpOptions): string[] {
  const dns = dnsZone === null ? noDns : dnsPort === undefined ? dnsZone : `${dnsZone}:${dnsPort}`;
  const where = ['--port', String(port), '--data', dataDirectory, '--pool', pool, '--dns', dns];
  return ['up', ...where, '--log-level', logLevel];
}

/** True when the child itself says that it is healthy. Another program on the port would pass for it otherwise. */
async function untilHealthy(child: ChildProcess, dataDirectory: string) {
  const untilMs = performance.now() + healthyWithinMs;
  while (performance.now() < untilMs && child.exitCode === null && child.signalCode === null) {
    const record = await readStartRecord(dataDirectory).catch(() => null);
    if (record && record.pid === child.pid && (await askHealth(record.port)) === child.pid) {
      return { pid: record.pid, port: record.port };
    }
    await delay(pollMs);
  }
  return `not healthy within ${healthyWithinMs / 1000} s`;
}

/** Waits for the Limber that holds the data directory, which may still be starting. */
async function untilOtherServes(dataDirectory: string) {
  const untilMs = performance.now() + otherWithinMs;
  for (;;) {
    const { kind, record } = await findLimber(dataDirectory);
    if (kind === 'serving') return { pid: record.pid, port: record.port };
    if (performance.now() > untilMs) return null;
    await delay(pollMs);
  }
}
