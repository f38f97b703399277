/** Engines of the user's own: which servers or folders `limber engines add` recorded, beside the fetched ones. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, writeFileAtomic } from '../platform/files.ts';
import { type EngineName, engineNames } from './contract.ts';

interface OwnEngine {
  readonly engine: EngineName;
  /** Absolute: a server, or a folder that holds one. */
  readonly path: string;
}

const fileOf = (store: string): string => join(store, 'own-engines.json');

/** Empty when none was ever added. Throws when the file cannot be read. */
export async function readOwnEngines(store: string): Promise<readonly OwnEngine[]> {
  const rows = await readJson(fileOf(store)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return null;
    throw error;
  });
  return ((rows ?? []) as readonly OwnEngine[]).filter(
    ({ engine, path }) => engineNames.includes(engine) && typeof path === 'string',
  );
}

/** May be repeated: a path is recorded once. Killed anywhere, it leaves the file as it was. */
export async function recordOwnEngine(store: string, own: OwnEngine): Promise<void> {
  const others = (await readOwnEngines(store)).filter(
    ({ engine, path }) => engine !== own.engine || path !== own.path,
  );
  await mkdir(store, { recursive: true });
  await writeFileAtomic(fileOf(store), `${JSON.stringify([...others, own], null, 2)}\n`, { mode: 0o644 });
}
