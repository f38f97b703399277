/** Engines of the user's own: which servers or folders `limber engines add` recorded, beside the fetched ones. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EngineName, engineNames } from './contract.ts';

interface OwnEngine {
  readonly engine: EngineName;
  /** Absolute: a server, or a folder that holds one. */
  readonly path: string;
}

const fileOf = (store: string): string => join(store, 'own-engines.json');

/** Empty when none was ever added. Throws when the file cannot be read. */
export async function readOwnEngines(store: string): Promise<readonly OwnEngine[]> {
  const text = await readFile(fileOf(store), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '[]';
    throw error;
  });
  const rows = JSON.parse(text) as readonly OwnEngine[];
  return rows.filter(({ engine, path }) => engineNames.includes(engine) && typeof path === 'string');
}

/** May be repeated: a path is recorded once. Killed anywhere, it leaves the file as it was. */
export async function recordOwnEngine(store: string, own: OwnEngine): Promise<void> {
  const others = (await readOwnEngines(store)).filter(
    ({ engine, path }) => engine !== own.engine || path !== own.path,
  );
  await mkdir(store, { recursive: true });
  const draft = `${fileOf(store)}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify([...others, own], null, 2)}\n`, { flush: true });
  await rename(draft, fileOf(store));
}
