/** The append-only files of nodes: what is in them, how a test damages them, and what is told of it. */
import assert from 'node:assert/strict';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { askOnce, connectResp } from '../../bench/lib/resp-client.ts';
import { eventually } from '../support/eventually.ts';
import type { Limber } from '../support/limber.ts';
import { messagesOf } from './caches.ts';
import { asLimber, directoryOf, endpointOf, engineAt, type Node, replicasOf } from './faults.ts';

export const dataFolderOf = (limber: Limber, node: Node): string =>
  join(directoryOf(limber, node), 'data', 'appendonlydir');

export const manifestOf = (limber: Limber, node: Node): string =>
  join(dataFolderOf(limber, node), 'appendonly.aof.manifest');

/** 200 keys of 100 bytes, on the disk of the primary and in every replica. */
export async function fill(limber: Limber, id: string, nodes: readonly Node[]): Promise<void> {
  const endpoint = await endpointOf(limber, id);
  const writer = await connectResp(endpoint);
  await Promise.all(Array.from({ length: 200 }, (_, key) => writer.ask('SET', `k${key}`, 'v'.repeat(100))));
  writer.close();
  for (const replica of replicasOf(nodes))
    await eventually(async () => (await engineAt(replica)).keys === 200);
  // async: the file is written at the end of a turn of the engine's loop, and synced within a second.
  await askOnce(endpoint, 'PING');
}

/** The file of that kind that is read at the next start. */
export async function fileOf(limber: Limber, node: Node, kind: 'base' | 'incr'): Promise<string> {
  const folder = dataFolderOf(limber, node);
  const name = (await readdir(folder))
    .filter((one) => one.includes(`.${kind}.`))
    .sort(byNumber)
    .at(-1);
  assert.ok(name, `${folder} has a ${kind} file`);
  return join(folder, name);
}

/** `appendonly.aof.10.incr.aof` behind `appendonly.aof.9.incr.aof`. */
const byNumber = (a: string, b: string): number => Number(a.split('.')[2]) - Number(b.split('.')[2]);

/** Puts everything into the base file. */
export async function rewrite(limber: Limber, node: Node): Promise<void> {
  const before_ = await fileOf(limber, node, 'base').catch(() => '');
  const admin = await asLimber(limber, node.id.slice(0, -4), node);
  // One may be under way since the first sync.
  await eventually(async (see) => !(see(await admin.send('BGREWRITEAOF')) instanceof Error));
  admin.close();
  await eventually(async () => {
    const { fields } = await engineAt(node);
    return (await fileOf(limber, node, 'base')) !== before_ && fields.get('aof_rewrite_in_progress') === '0';
  });
}

/** Overwrites 400 bytes in the middle: more than one command, so that it cannot be mistaken for a value. */
export async function damage(path: string): Promise<void> {
  const file = await open(path, 'r+');
  // An increment is written a turn of the loop after the answer; a base file is compressed.
  const least = path.includes('.incr.') ? 20_000 : 2_000;
  const size = await eventually(async () => {
    const { size: written } = await file.stat();
    return written > least ? written : null;
  });
  await file.write(Buffer.alloc(400, 'X'), 0, 400, Math.floor(size / 2));
  await file.sync();
  await file.close();
}

/** The event that its files were set aside; they are where it says. */
export async function setAside(client: ElastiCacheClient, node: Node): Promise<string> {
  const message = await eventually(async (see) =>
    see(await messagesOf(client, node.id)).find((one) => /were set aside in/.test(one)),
  );
  const path = /were set aside in (\S+?):/.exec(message)?.[1];
  assert.ok(path && (await stat(path)).isDirectory(), message);
  assert.notDeepEqual(await readdir(path), []);
  return message;
}
