/**
 * Notices when processes end: by the `exit` event for our own children, and by looking once a second for all.
 * Looking is the only way for reattached ones that nobody has a connection to, and it comes before the event of a large
 * child, which waits until the kernel has freed the memory (0.15 s per GiB), while /proc says at once that it is on its
 * way out. A look each 250 ms cost a quarter of what Limber takes at rest (measured, 20 nodes) and found nothing
 * sooner that is waited for: the end of the control connection and the health monitor show it first.
 */
import type { ChildProcess } from 'node:child_process';
import type { NodeHandle } from '../../model/node.ts';
import type { Log } from '../../platform/log.ts';
import { hasEnded } from './process-state.ts';

export interface ExitWatch {
  /** From now on its exit is also known from its `exit` event. */
  addChild(handle: NodeHandle, child: ChildProcess): void;
  onExit(handle: NodeHandle, listener: () => void): () => void;
}

interface Watched {
  readonly handle: NodeHandle;
  readonly listeners: Set<() => void>;
}

export function createExitWatch(log: Log, intervalMs = 1_000): ExitWatch {
  const watched = new Map<string, Watched>();
  let isPolling = false;

  const tell = (key: string) => {
    const listeners = watched.get(key)?.listeners ?? [];
    watched.delete(key);
    for (const listener of listeners) listener();
  };
  const look = (key: string) => {
    const entry = watched.get(key);
    if (entry && endedAsFarAsKnown(entry.handle, log)) tell(key);
  };
  /** Runs while there is somebody to look after, and keeps no process alive. */
  const pollLater = () => {
    isPolling = watched.size > 0;
    if (isPolling) setTimeout(poll, intervalMs).unref();
  };
  const poll = () => {
    for (const key of [...watched.keys()]) look(key);
    pollLater();
  };

  return {
    addChild(handle, child) {
      child.once('exit', () => tell(keyOf(handle)));
    },
    onExit(handle, listener) {
      const key = keyOf(handle);
      const own = () => listener(); // one entry per call, also for the same listener
      const entry = watched.get(key) ?? { handle, listeners: new Set() };
      entry.listeners.add(own);
      watched.set(key, entry);
      setImmediate(look, key); // it may have ended before anybody asked
      if (!isPolling) pollLater();
      return () => {
        entry.listeners.delete(own);
        if (entry.listeners.size === 0 && watched.get(key) === entry) watched.delete(key);
      };
    },
  };
}

function keyOf({ bootId, pid, startTime }: NodeHandle): string {
  return `${bootId} ${pid} ${startTime}`;
}

function endedAsFarAsKnown(handle: NodeHandle, log: Log): boolean {
  try {
    return hasEnded(handle);
  } catch (error) {
    log.warn('cannot see whether a cache node lives; looking again', { pid: handle.pid, error });
    return false;
  }
}
