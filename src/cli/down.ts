import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { createProcessRuntime } from '../runtime/process/process-runtime.ts';
import { type AdminClient, connectAdmin } from './admin-client.ts';
import { CommandFailed, dataOption, readArguments, readDataDirectory } from './arguments.ts';
import { launchDetached } from './detach.ts';
import { isRunning, readStartRecord } from './start-record.ts';
import { readUpOptions } from './up-options.ts';

export const usage = `Usage: limber down [--data DIR]                  stop Limber; caches go on and serve
       limber down --caches [--yes] [--data DIR]   stop all caches in good order, then Limber

  --caches  says which caches will lose data (those that keep none on disk), and asks before it stops any
  --yes     does not ask`;

const endWithinMs = 10_000;

export async function run(argv: string[]): Promise<number> {
  const { values } = readArguments(argv, {
    ...dataOption,
    caches: { type: 'boolean' },
    yes: { type: 'boolean', short: 'y' },
  });
  const dataDirectory = readDataDirectory(values.data);
  const admin = await connectAdmin(dataDirectory);
  if (values.caches) return await stopCaches(admin, dataDirectory, values.yes ?? false);
  if (!admin) {
    console.log(`Limber is not running (${dataDirectory}).`);
    return 0;
  }
  await stopLimber(admin, dataDirectory);
  console.log('Limber has stopped. Caches go on.');
  return 0;
}

/** Engines live without Limber, but only Limber knows how to stop them well: it is started for it if need be. */
async function stopCaches(
  running: AdminClient | null,
  dataDirectory: string,
  isSure: boolean,
): Promise<number> {
  if (!running && (await countProcesses(dataDirectory)) === 0) {
    console.log(`Limber is not running, and no cache of it (${dataDirectory}).`);
    return 0;
  }
  const admin = running ?? (await startForStopping(dataDirectory));
  let hasStopped = false;
  try {
    const { caches } = await admin.call('status', {});
    const { willLose } = await admin.call('stop-caches', { dryRun: true });
    const what = caches.length === 1 ? '1 cache' : `${caches.length} caches`;
    if (caches.length > 0) {
      console.log(describeLoss(what, willLose));
      await confirm(`Stop ${what}?`, isSure);
    }
    const { stopped } = await admin.call('stop-caches', {});
    await stopLimber(admin, dataDirectory);
    hasStopped = true;
    const nodes = stopped === 1 ? '1 node has' : `${stopped} nodes have`;
    console.log(
      stopped === 0 ? 'Limber has stopped. There was no cache.' : `${nodes} stopped, and Limber too.`,
    );
    return 0;
  } finally {
    if (!hasStopped && !running) await stopLimber(admin, dataDirectory);
  }
}

function describeLoss(what: string, willLose: readonly string[]): string {
  if (willLose.length === 0) return `Stopping ${what}: nothing that is stored on disk is lost.`;
  const lines = willLose.map((one) => `  ${one}`).join('\n');
  return `Stopping ${what}. What these hold is lost, because they keep it in memory only:\n${lines}`;
}

async function confirm(question: string, isSure: boolean): Promise<void> {
  if (isSure) return;
  if (!process.stdin.isTTY) {
    throw new CommandFailed('nothing was stopped: without a terminal to ask on, say --yes');
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const cancelled = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  const answer = await Promise.race([terminal.question(`${question} [y/N] `), cancelled]);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailed('nothing was stopped');
}

async function countProcesses(dataDirectory: string): Promise<number> {
  if ((await readStartRecord(dataDirectory)) === null) return 0; // no Limber has ever run here: no folder is made
  const runtime = createProcessRuntime({ dataDirectory, clock: systemClock, log: silentLog });
  return (await runtime.findProcesses()).size;
}

async function startForStopping(dataDirectory: string): Promise<AdminClient> {
  const options = await readUpOptions({ data: dataDirectory, port: '0' }, { isDetached: true });
  await launchDetached(options);
  const admin = await connectAdmin(dataDirectory);
  if (admin) return admin;
  throw new CommandFailed('Limber was started to stop its caches, and has ended again; look at its log');
}

/** Resolves when the Limber's process has ended: then the data directory is free for the next one. */
async function stopLimber(admin: AdminClient, dataDirectory: string): Promise<void> {
  const record = await readStartRecord(dataDirectory);
  try {
    await admin.call('stop', {});
  } catch (error) {
    // Limber may be gone before its answer has come through.
    if (record && isRunning(record)) throw error;
  }
  const untilMs = performance.now() + endWithinMs;
  while (record?.pid === admin.pid && isRunning(record)) {
    if (performance.now() > untilMs) {
      throw new CommandFailed(
        `Limber (pid ${admin.pid}) was told to stop and has not ended after ${endWithinMs / 1000} s; ` +
          `\`kill -9 ${admin.pid}\` ends it, caches go on`,
      );
    }
    await delay(10);
  }
}
