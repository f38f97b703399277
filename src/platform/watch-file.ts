/** Hears of changes to one file that is replaced as a whole, again and again. */
import { type FSWatcher, watch } from 'node:fs';

/** Until it exists (again), it is looked for this often. */
const missingMs = 1_000;

/** `Files.watch`, by inotify. Keeps no process alive. */
export function watchFile(path: string, onChange: () => void): () => void {
  let watcher: FSWatcher | null = null;
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;

  function arm(): void {
    if (isStopped) return;
    try {
      // The watch is on the file that has this name now: when another takes its place, that one is to be watched.
      watcher = watch(path, { persistent: false }, changed);
      watcher.on('error', rearm);
    } catch {
      timer = setTimeout(() => {
        arm();
        if (watcher) onChange();
      }, missingMs);
      timer.unref();
    }
  }

  function rearm(): void {
    watcher?.close();
    watcher = null;
    arm();
  }

  function changed(): void {
    rearm();
    if (!isStopped) onChange();
  }

  arm();
  return () => {
    isStopped = true;
    watcher?.close();
    if (timer) clearTimeout(timer);
  };
}
