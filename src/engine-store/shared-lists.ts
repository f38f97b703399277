import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { debianMirrors } from './apt-sources.ts';
import { type AptState, fetchAptState } from './apt-state.ts';
import { lockFile } from './file-lock.ts';

interface SharedLists {
  readonly state: Promise<AptState>;
  /** Ends the fetch if it still runs, then gives the folder and its lock up. */
  close(): Promise<void>;
  users: number;
}

/**
 * Package lists by suites, fetched once for all engines that are fetched at the same time, and deleted with their last
 * user: they are 50 to 100 MB. Across processes a lock makes one wait for the other.
 */
export function sharedLists(workFolder: string) {
  const open = new Map<string, SharedLists>();

  return async function withLists<T>(
    suites: readonly string[],
    signal: AbortSignal | undefined,
    use: (state: AptState) => Promise<T>,
  ): Promise<T> {
    const key = suites.join('+');
    const lists = open.get(key) ?? fetchLists(workFolder, suites);
    open.set(key, lists);
    lists.users++;
    try {
      return await use(await unlessAborted(lists.state, signal));
    } finally {
      lists.users--;
      if (lists.users === 0) {
        open.delete(key);
        await lists.close();
      }
    }
  };
}

/** One user's abort must not end the fetch for the others, so it has a controller of its own. */
function fetchLists(workFolder: string, suites: readonly string[]): SharedLists {
  const controller = new AbortController();
  const { signal } = controller;
  const folder = join(workFolder, `lists-${suites.join('+')}`);
  const lock = lockFile(`${folder}.lock`, { signal });
  const fetchState = async () => {
    await lock;
    return await fetchAptState(folder, suites, await debianMirrors(signal), signal);
  };
  const state = fetchState();
  return {
    state,
    users: 0,
    async close() {
      controller.abort(new Error('nobody needs these package lists any more'));
      await state.catch(() => null); // its users have reported its failure
      const held = await lock.catch(() => null);
      if (held) await rm(folder, { recursive: true, force: true });
      await held?.release();
    },
  };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
