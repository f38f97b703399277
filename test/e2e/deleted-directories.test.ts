/** Directories and files of nodes that somebody deletes while the nodes run. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { createGroup, messagesOf } from './caches.ts';
import {
  asLimber,
  directoryOf,
  kill,
  type Node,
  nodesOf,
  pair,
  replicasOf,
  takeAllDataAnew,
  wholeAgain,
} from './faults.ts';

const limber = await startLimber();
const client = limber.client();
const clusterMode = { NumNodeGroups: 1, ReplicasPerNodeGroup: 1, ClusterMode: 'enabled' } as const;
const ofTwoShards = {
  ...clusterMode,
  NumNodeGroups: 2,
  ReplicasPerNodeGroup: 0,
  AutomaticFailoverEnabled: true,
};
const longer = { deadlineMs: 30_000 };

const deleteDirectory = (node: Node): void =>
  rmSync(directoryOf(limber, node), { recursive: true, force: true });

const saysOf = (node: Node, message: RegExp) =>
  eventually(
    async (see) => see(await messagesOf(client, node.id)).some((said) => message.test(said)),
    longer,
  );

describe('a node whose directory is deleted while it runs', { concurrency: true }, () => {
  for (const [id, shape] of [
    ['plain', {}],
    ['slots', { ...clusterMode, NumCacheClusters: undefined }],
  ] as const)
    it(`is filled anew all the same (${id})`, async () => {
      await createGroup(client, { ReplicationGroupId: id, ...pair, ...shape });
      const nodes = await wholeAgain(limber, id);
      const [replica] = replicasOf(nodes);
      for (const node of nodes) deleteDirectory(node);
      await takeAllDataAnew(limber, id, replica!);
      const again = await wholeAgain(limber, id, longer);
      assert.deepEqual(
        again.map(({ pid }) => pid),
        nodes.map(({ pid }) => pid),
        'nobody was restarted',
      );
      await saysOf(replica!, /^The directory of .* was gone while its node ran, and was made again$/);
    });

  for (const [id, shape] of [
    ['kept', {}],
    ['kept-slots', ofTwoShards],
  ] as const)
    it(`has its data on disk again (${id})`, async () => {
      await createGroup(client, {
        ReplicationGroupId: id,
        Durability: 'async',
        CacheNodeType: 'cache.t4g.small',
        ...shape,
      });
      const [node] = await wholeAgain(limber, id);
      const key = id === 'kept' ? 'key' : '{06S}'; // slot 0
      await askOnce(node!, 'SET', key, 'value');
      deleteDirectory(node!);
      await saysOf(node!, /was made again; what the node holds is written to it anew$/);
      await eventually(async (see) => see(await savedBy(id, node!)));
      kill(node!);
      const [again] = await wholeAgain(limber, id);
      assert.equal(await askOnce(again!, 'GET', key), 'value');
    });

  it('says so in an event and in the status while it cannot be made again', async () => {
    await createGroup(client, { ReplicationGroupId: 'blocked' });
    const [node] = await nodesOf(limber, 'blocked');
    const directory = directoryOf(limber, node!);
    deleteDirectory(node!);
    writeFileSync(directory, 'not a directory');
    await saysOf(
      node!,
      /^The directory of blocked-001 is gone while its node runs, and cannot be made again: /,
    );
    const concern = async () =>
      (await limber.status()).shards.find(({ cache }) => cache === 'blocked')?.concern ?? null;
    assert.match(
      (await concern()) ?? '',
      /^the directory of blocked-001 is gone, and cannot be made again: /,
    );
    rmSync(directory);
    await saysOf(node!, /was made again$/);
    await eventually(async (see) => see(await concern()) === null);
  });

  it('or only its append-only file: writes it anew, and an event says so', async () => {
    await createGroup(client, { ReplicationGroupId: 'emptied', Durability: 'sync' });
    const [node] = await wholeAgain(limber, 'emptied');
    await askOnce(node!, 'SET', 'key', 'value');
    rmSync(join(directoryOf(limber, node!), 'data', 'appendonlydir'), { recursive: true });
    await saysOf(node!, /^The append-only file of emptied-001 was gone or damaged while its node ran/);
    await eventually(async (see) => see(await savedBy('emptied', node!)));
    kill(node!);
    const [again] = await wholeAgain(limber, 'emptied');
    assert.equal(await askOnce(again!, 'GET', 'key'), 'value');
  });
});

/** The engine has written all that it holds. */
async function savedBy(id: string, node: Node): Promise<boolean> {
  const admin = await asLimber(limber, id, node);
  const persistence = String(await admin.ask('INFO', 'persistence'));
  admin.close();
  return ['aof_rewrite_in_progress:0', 'aof_rewrite_scheduled:0'].every((line) => persistence.includes(line));
}
