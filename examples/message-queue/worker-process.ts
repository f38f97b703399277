import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { QueueKind } from './queues.ts';

export interface WorkerProcess {
  /** Jobs of dead workers that this one has taken over. */
  recovered(): number;
  /** Resolves when the process is gone, at once when it has crashed already. */
  stop(): Promise<void>;
}

/** Starts worker.ts; resolves when it is connected. `crash`: when it kills itself, see there. */
export async function startWorker(
  cacheUrl: string,
  kind: QueueKind,
  name: string,
  crash?: 'before' | 'after',
): Promise<WorkerProcess> {
  const program = fileURLToPath(new URL('worker.ts', import.meta.url));
  const child = spawn(process.execPath, [program, kind, name, ...(crash ? [crash] : [])], {
    env: { ...process.env, CACHE_URL: cacheUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'close'); // and what it printed has been read
  let recovered = 0;
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`worker ${name} ended before it was ready`)));
    onLine(child, (line) => {
      if (line === 'ready') resolve();
      recovered += Number(/^recovered (\d+)$/.exec(line)?.[1] ?? 0);
    });
  });
  return {
    recovered: () => recovered,
    async stop() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

function onLine(child: ChildProcess, listener: (line: string) => void): void {
  if (child.stdout) createInterface(child.stdout).on('line', listener);
}
