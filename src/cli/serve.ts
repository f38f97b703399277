/** Serves in this process until a signal or `limber down` ends it. */
import { chmodSync } from 'node:fs';
import { probeAddress } from '../endpoints/port-probe.ts';
import { closeInherited } from '../platform/descriptors.ts';
import { version } from '../platform/version.ts';
import { type RunningServer, startServer } from '../server.ts';
import { CommandFailed, defaultDataDirectory, heldExitCode } from './arguments.ts';
import { welcome } from './banner.ts';
import { keepLogSmall } from './log-file.ts';
import { writeStartRecord } from './start-record.ts';
import type { UpOptions } from './up-options.ts';

/** A clean end takes well below a second; one that hangs must not keep whoever waits for it. A judgement. */
const endDeadlineMs = 3_000;
/** Ctrl-C under npm delivers SIGINT twice within a few milliseconds: only a later one is another wish. */
const impatientAfterMs = 400;

export async function serve(options: UpOptions): Promise<number> {
  const { dataDirectory, pool, dnsZone } = options;
  goOnWithoutReader();
  closeInherited();
  const asked = endSignal();
  closeDefaultDirectory(dataDirectory);
  const server = await startServer(options).catch(async (error: unknown) => {
    throw await explain(error, options);
  });
  const { port, dnsPort } = server;
  await writeStartRecord(dataDirectory, { port, pool, dnsZone, dnsPort, version });
  const rotation = keepLogSmall(dataDirectory);
  console.log(await welcome({ port, dataDirectory, pool, dnsZone, dnsPort, isInForeground: true }));
  await asked;
  clearInterval(rotation);
  return await end(server);
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a later one, or a hanging end, ends the process. */
function endSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAtMs: number | null = null;
    const onSignal = () => {
      const nowMs = performance.now();
      if (firstAtMs === null) {
        firstAtMs = nowMs;
        setTimeout(() => giveUp(`it did not end within ${endDeadlineMs / 1000} s`), endDeadlineMs).unref();
        resolve();
      } else if (nowMs - firstAtMs > impatientAfterMs) giveUp('told to stop again');
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  });
}

/** Ends the process at once. Nothing is lost by that: Limber may be killed between any two lines. */
function giveUp(why: string): void {
  process.stderr.write(`limber: ${why}: leaving at once. Caches go on.\n`);
  process.exit(1);
}

async function end(server: RunningServer): Promise<number> {
  await server.close();
  if (process.stdout.isTTY) console.log('\nLimber has stopped. Caches go on.');
  // Whatever still holds the event loop: the state is closed, and a client's idle connection must not keep us.
  process.exit(0);
}

/** A log whose reader has gone (`limber up | head`) is no reason to end. */
function goOnWithoutReader(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** `limber engines` may have made it before us, and open: from now on it holds secrets. */
function closeDefaultDirectory(dataDirectory: string): void {
  if (dataDirectory !== defaultDataDirectory()) return;
  try {
    chmodSync(dataDirectory, 0o700);
  } catch {
    // It is not there yet, or not ours: opening it will say so.
  }
}

async function explain(error: unknown, { port }: UpOptions): Promise<unknown> {
  const { code, name, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    const probe = await probeAddress('127.0.0.1', port);
    const holder = typeof probe === 'object' && 'inUse' in probe ? probe.inUse : `port ${port} is taken`;
    return new CommandFailed(`${holder}. Stop that, or choose another port: --port N`, { cause: error });
  }
  if (name === 'StoreLocked') return new CommandFailed(message, { cause: error, exitCode: heldExitCode });
  if (name === 'StoreUnavailable') return new CommandFailed(message, { cause: error });
  return error;
}
