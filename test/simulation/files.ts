/** The files of simulated nodes, in memory: a tree, with the errors of node:fs. */
import { basename, dirname } from 'node:path';
import type { Files } from '../../src/platform/files.ts';
import { fileOf, type NodesFile } from './engine/cluster-state.ts';
import type { Engine } from './engine/engine.ts';
import { parseNodesFile, renderNodesFile } from './engine/nodes-file.ts';

interface File {
  readonly kind: 'file';
  /** Made when somebody reads it. */
  readonly text: () => string;
  /** The writes that an append-only file stands for. */
  readonly value?: readonly number[];
}

interface Folder {
  readonly kind: 'folder';
  readonly entries: Map<string, Entry>;
}

type Entry = File | Folder;

export interface Disks {
  readonly files: Files;
  /** Every directory of a node. */
  nodes(): string[];
  has(incarnation: string): boolean;
  prepare(incarnation: string): void;
  destroy(incarnation: string): void;
  /** What its next start would find; null when that is no append-only file. */
  dataOf(incarnation: string): readonly number[] | null;
  nodesFileOf(incarnation: string): NodesFile | null;
  /** The engine begins to keep its writes there. */
  saveData(engine: Engine): void;
  saveNodesFile(engine: Engine): void;
  /** All files that hold writes, set aside or not. */
  allData(): Iterable<readonly number[]>;
  /** Its folder of data is deleted. */
  wipe(incarnation: string): void;
  /** The last writes are lost: they had not come to the disk. */
  cut(incarnation: string, count: number): void;
}

export const root = '/simulated/nodes';
const names = { folder: 'appendonlydir', manifest: 'appendonly.aof.manifest' } as const;
const [base, increment] = ['appendonly.aof.1.base.rdb', 'appendonly.aof.1.incr.aof'];
const manifest = `file ${base} seq 1 type b\nfile ${increment} seq 1 type i\n`;

const folder = (): Folder => ({ kind: 'folder', entries: new Map() });
const file = (text: string): File => ({ kind: 'file', text: () => text });
const noEntry = (path: string) =>
  Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: 'ENOENT' });
const notFolder = (path: string) =>
  Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR' });

export function createDisks(): Disks {
  const tree = folder();
  const watchers = new Map<string, Set<() => void>>();

  function find(path: string): Entry | null {
    let entry: Entry | undefined = tree;
    for (const name of path.split('/').filter((one) => one !== '')) {
      if (entry?.kind !== 'folder') return null;
      entry = entry.entries.get(name);
    }
    return entry ?? null;
  }

  function folderAt(path: string, isMade = false): Folder {
    let entry: Folder = tree;
    for (const name of path.split('/').filter((one) => one !== '')) {
      const next = entry.entries.get(name) ?? (isMade ? folder() : null);
      if (!next) throw noEntry(path);
      if (next.kind === 'file') throw notFolder(path);
      entry.entries.set(name, next);
      entry = next;
    }
    return entry;
  }

  const put = (path: string, entry: Entry) => void folderAt(dirname(path)).entries.set(basename(path), entry);
  const dataPath = (incarnation: string) => `${root}/${incarnation}/data`;
  const aofOf = (incarnation: string) => find(`${dataPath(incarnation)}/${names.folder}/${increment}`);

  const files: Files = {
    async list(path) {
      const entries = [...folderAt(path).entries];
      return entries.map(([name, { kind }]) => ({ name, isFolder: kind === 'folder' }));
    },
    read: async (path) => textAt(path),
    readPart: async (path, from, length) => Buffer.from(textAt(path)).subarray(from, from + length),
    async look(path) {
      const entry = find(path);
      if (!entry) throw noEntry(path);
      return { kind: entry.kind, bytes: entry.kind === 'file' ? entry.text().length : 0, bornAt: 0 };
    },
    async requireUsable(path) {
      if (!find(path)) throw noEntry(path);
    },
    write: async (path, content) => put(path, file(content)),
    makeFolder: async (path) => void folderAt(path, true),
    async rename(from, to) {
      const entry = find(from);
      if (!entry) throw noEntry(from);
      put(to, entry);
      folderAt(dirname(from)).entries.delete(basename(from));
    },
    async copy(from, to) {
      const entry = find(from);
      if (!entry) throw noEntry(from);
      put(to, copied(entry));
    },
    copyEnd: async (path, from, to) => put(to, file(textAt(path).slice(from))),
    async remove(path) {
      if (find(path)) folderAt(dirname(path)).entries.delete(basename(path));
    },
    watch(path, onChange) {
      const all = watchers.get(path) ?? new Set();
      watchers.set(path, all.add(onChange));
      return () => void all.delete(onChange);
    },
    freeBytes: async () => 2 ** 40,
  };

  function textAt(path: string): string {
    const entry = find(path);
    if (entry?.kind !== 'file') throw noEntry(path);
    return entry.text();
  }

  function* dataWithin(entry: Entry): Generator<readonly number[]> {
    if (entry.kind === 'folder') for (const one of entry.entries.values()) yield* dataWithin(one);
    else if (entry.value) yield entry.value;
  }

  return {
    files,
    nodes: () => [...folderAt(root, true).entries.keys()],
    has: (incarnation) => find(`${root}/${incarnation}`) !== null,
    prepare: (incarnation) => void folderAt(dataPath(incarnation), true),
    destroy: (incarnation) => void folderAt(root, true).entries.delete(incarnation),
    dataOf(incarnation) {
      const entry = aofOf(incarnation);
      const isListed = find(`${dataPath(incarnation)}/${names.folder}/${names.manifest}`) !== null;
      return isListed && entry?.kind === 'file' ? (entry.value ?? null) : null;
    },
    nodesFileOf(incarnation) {
      const entry = find(`${dataPath(incarnation)}/nodes.conf`);
      return entry?.kind === 'file' ? parseNodesFile(entry.text()) : null;
    },
    saveData({ incarnation, data }) {
      const at = `${dataPath(incarnation)}/${names.folder}`;
      folderAt(at, true);
      put(`${at}/${names.manifest}`, file(manifest));
      put(`${at}/${base}`, file('VALKEY080'));
      // The array grows with each write, and is another one after a synchronisation.
      put(`${at}/${increment}`, { kind: 'file', text: () => '*1\r\n$4\r\nPING\r\n', value: data });
    },
    saveNodesFile({ incarnation, cluster }) {
      if (!cluster) return;
      const content = fileOf(cluster);
      const path = `${dataPath(incarnation)}/nodes.conf`;
      put(path, { kind: 'file', text: () => renderNodesFile(content) });
      for (const onChange of watchers.get(path) ?? []) onChange();
    },
    *allData() {
      yield* dataWithin(tree);
    },
    wipe(incarnation) {
      const directory = find(`${root}/${incarnation}`);
      if (directory?.kind === 'folder') directory.entries.set('data', folder());
    },
    cut(incarnation, count) {
      const entry = aofOf(incarnation);
      if (entry?.kind === 'file' && entry.value)
        put(`${dataPath(incarnation)}/${names.folder}/${increment}`, {
          ...entry,
          value: entry.value.slice(0, -count),
        });
    },
  };
}

function copied(entry: Entry): Entry {
  if (entry.kind === 'file') return entry;
  return { kind: 'folder', entries: new Map([...entry.entries].map(([name, one]) => [name, copied(one)])) };
}
