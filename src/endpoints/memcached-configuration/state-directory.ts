/** Follows the directory of state files: one file for each endpoint. */
import { readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { type EndpointConfiguration, fileSuffix, parseConfiguration } from './configuration.ts';

/** Change notices of the file system are only a hurry-up; this look finds whatever they missed. */
const lookMs = 1_000;

interface StateListener {
  /** A file is new or changed. */
  onConfiguration(name: string, configuration: EndpointConfiguration): void;
  /** A file is new or changed, and wrong. */
  onProblem(name: string, problem: string): void;
  onRemoved(name: string): void;
  /** The directory itself is gone. Called once; nothing is followed any more. */
  onGone(): void;
}

/** Reads all files at once, then follows them. Returns a function that ends it. */
export function followStateDirectory(directory: string, listener: StateListener): () => void {
  const known = new Map<string, string>();

  function look(): void {
    let files: string[];
    try {
      files = readdirSync(directory).filter((file) => file.endsWith(fileSuffix));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return;
      end();
      listener.onGone();
      return;
    }
    const names = new Set(files.map((file) => file.slice(0, -fileSuffix.length)));
    for (const name of known.keys()) {
      if (names.has(name)) continue;
      known.delete(name);
      listener.onRemoved(name);
    }
    for (const name of names) lookAt(name);
  }

  function lookAt(name: string): void {
    const path = join(directory, `${name}${fileSuffix}`);
    try {
      const stat = statSync(path, { bigint: true });
      const signature = `${stat.ino}:${stat.size}:${stat.mtimeNs}`;
      if (known.get(name) === signature) return;
      const configuration = parseConfiguration(readFileSync(path, 'utf8'));
      known.set(name, signature);
      listener.onConfiguration(name, configuration);
    } catch (error) {
      // The file was removed between the listing and the reading: the next look shows that. A wrong file is read again at
      // each look, which costs little and needs no memory of what was wrong.
      if (codeOf(error) === 'ENOENT') return;
      listener.onProblem(name, error instanceof Error ? error.message : String(error));
    }
  }

  const watcher = watch(directory, (_event, file) => {
    if (file === null || file.endsWith(fileSuffix)) look();
  });
  watcher.on('error', () => {});
  const timer = setInterval(look, lookMs);
  function end(): void {
    clearInterval(timer);
    watcher.close();
  }
  look();
  return end;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
