/** What was started is ended, the latest first, however the measurement ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Scope {
  /** Called once, at the end. */
  after(end: () => Promise<unknown>): void;
  /** A folder that is deleted at the end. */
  directory(): Promise<string>;
  /** Ends all; goes on when one cannot be ended, and then throws the first error. */
  end(): Promise<void>;
}

export function createScope(): Scope {
  const ends: (() => Promise<unknown>)[] = [];
  return {
    after: (end) => void ends.push(end),
    async directory() {
      const path = await mkdtemp(join(tmpdir(), 'limber-bench-'));
      ends.push(() => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
      return path;
    },
    async end() {
      const errors: unknown[] = [];
      for (const end of ends.splice(0).reverse()) await end().catch((error: unknown) => errors.push(error));
      if (errors.length > 0) throw errors[0];
    },
  };
}
