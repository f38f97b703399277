import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface AppProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Resolves when the process is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts app.ts on a free port; resolves when it listens. */
export async function startApp(environment: Record<string, string>): Promise<AppProcess> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('app.ts', import.meta.url))], {
    env: { ...process.env, ...environment, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return {
    url: await listeningAt(child),
    async stop(signal) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    },
  };
}

async function listeningAt(child: ChildProcess): Promise<string> {
  if (child.stdout) {
    for await (const line of createInterface(child.stdout)) {
      const url = /^listening on (\S+)/.exec(line)?.[1];
      if (url) return url;
    }
  }
  throw new Error('the app ended before it listened');
}
