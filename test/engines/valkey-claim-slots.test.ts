/** What a cluster node keeps in nodes.conf, and how it gets its slots again when that is lost. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  type Neighbours,
  ownSlots,
  type SlotClaim,
  SlotsServed,
  spreadClaim,
} from '../../src/engines/valkey/claim-slots.ts';
import { keyOf } from '../../src/engines/valkey/cluster-plan.ts';
import { parseClusterNodes } from '../../src/engines/valkey/cluster-view.ts';
import { nodesFileState } from '../../src/engines/valkey/nodes-file.ts';
import { localFiles } from '../../src/platform/local-files.ts';
import { type Bench, engines, eventually, type TestNode, withBench } from './valkey-support.ts';

const busPort = 16379;
const spec = { mode: { kind: 'cluster', busPort }, durability: 'sync' } as const;
const shards = [
  { start: 0, end: 5460 },
  { start: 5461, end: 10922 },
  { start: 10923, end: 16383 },
] as const;

const planned = ({ address, port }: TestNode) => ({ address, port, busPort });
const linesOf = async ({ connection }: TestNode) =>
  parseClusterNodes(String(await connection.call('CLUSTER', 'NODES')));

/** Three primaries, all known to all; the first one holds keys. */
async function startCluster(bench: Bench) {
  const nodes = await Promise.all(shards.map(() => bench.start(spec)));
  for (const [index, { connection }] of nodes.entries()) {
    await connection.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    await connection.call('CLUSTER', 'ADDSLOTSRANGE', shards[index]!.start, shards[index]!.end);
    for (const other of nodes.slice(0, index))
      await connection.call('CLUSTER', 'MEET', other.address, other.port, busPort);
  }
  const say = async ({ connection }: TestNode) => String(await connection.call('CLUSTER', 'INFO'));
  await eventually(async () =>
    (await Promise.all(nodes.map(say))).every((info) => /state:ok[\s\S]*known_nodes:3/.test(info)),
  );
  const client = await nodes[0]!.client();
  for (let key = 0; key < 100; key += 1) await client.call('SET', `k${key}`, 'v').catch(() => {}); // others' slots
  return { nodes, keys: Number(await client.call('DBSIZE')) };
}

async function comeBackBlank(bench: Bench, node: TestNode): Promise<TestNode> {
  node.process.kill('SIGKILL');
  await once(node.process, 'exit');
  rmSync(join(node.directory, 'data', 'nodes.conf'));
  const back = await bench.start({ ...spec, address: node.address, port: node.port }, node.directory);
  await eventually(async () => /^loading:0/m.test(String(await back.connection.call('INFO', 'persistence'))));
  return back;
}

const claimOf = (node: TestNode): SlotClaim => ({
  node: planned(node),
  connection: node.connection,
  slots: [shards[0]],
  rank: 1,
});
const neighboursOf = (nodes: readonly TestNode[]): Neighbours => ({
  answering: new Map(
    nodes.map((node) => [keyOf(node), { node: planned(node), connection: node.connection }]),
  ),
  silent: new Set(),
});

for (const engine of engines)
  describe(`a primary of ${engine.name} that lost its nodes.conf`, { concurrency: 3 }, () => {
    it('owns its slots again, with its keys; the others list it and forget its old id', () =>
      withBench(engine, async (bench) => {
        const { nodes, keys } = await startCluster(bench);
        const others = nodes.slice(1);
        const back = await comeBackBlank(bench, nodes[0]!);
        const [claim, neighbours] = [claimOf(back), neighboursOf(others)];
        // Slots with keys in them the engine has claimed by itself, at its start.
        assert.ok((await ownSlots(claim, neighbours)).length > 0);
        await spreadClaim(claim, neighbours, 5_000);
        assert.deepEqual(await ownSlots(claim, neighbours), [], 'may be repeated');
        const id = await back.connection.call('CLUSTER', 'MYID');
        for (const other of others) {
          // An introduction under way is a line of its own for a moment.
          const lines = await eventually(
            async () => {
              const now = await linesOf(other);
              return now.length === 3 ? now : null;
            },
            { seen: () => linesOf(other) },
          );
          assert.deepEqual(lines.find((line) => line.id === id)?.slots, [shards[0]]);
        }
        await eventually(async () => /state:ok/.test(String(await back.connection.call('CLUSTER', 'INFO'))));
        assert.ok(keys > 0);
        assert.equal(await back.connection.call('DBSIZE'), keys);
      }));

    it('is refused them while somebody else serves them, or may', () =>
      withBench(engine, async (bench) => {
        const { nodes } = await startCluster(bench);
        const back = await comeBackBlank(bench, nodes[0]!);
        const claim = { ...claimOf(back), slots: [shards[1]] };
        await assert.rejects(ownSlots(claim, neighboursOf(nodes.slice(1))), SlotsServed);
        const deaf = { ...neighboursOf(nodes.slice(2)), silent: new Set([keyOf(nodes[1]!)]) };
        await assert.rejects(ownSlots(claim, deaf), /may serve slots .* and does not answer/);
        const self = (await linesOf(back)).find((line) => line.isMyself);
        assert.equal(self?.epoch, 0, 'nothing was changed');
      }));

    it('has a file that is read as the engine wrote it, and not when it was cut off', () =>
      withBench(engine, async (bench) => {
        const { nodes } = await startCluster(bench);
        const data = join(nodes[2]!.directory, 'data');
        assert.equal((await nodesFileState(localFiles, data)).kind, 'fine');
        const text = readFileSync(join(data, 'nodes.conf'), 'utf8').trimEnd();
        const own = mkdtempSync(join(tmpdir(), 'limber-nodes-file-'));
        for (let end = text.length - 1; end > 0; end -= 7) {
          writeFileSync(join(own, 'nodes.conf'), text.slice(0, end));
          // The last number may have lost a digit: as good a number as before, to all who read it.
          const { kind } = await nodesFileState(localFiles, own);
          if (!/vars currentEpoch \d+/.test(text.slice(0, end)))
            assert.equal(kind, 'damaged', `up to ${end}`);
        }
        rmSync(own, { recursive: true });
      }));
  });

describe('a nodes.conf', () => {
  const stateOf = async (text: string | null) => {
    const directory = mkdtempSync(join(tmpdir(), 'limber-nodes-file-'));
    if (text !== null) writeFileSync(join(directory, 'nodes.conf'), text);
    const state = await nodesFileState(localFiles, directory);
    rmSync(directory, { recursive: true });
    return state;
  };
  const line = `${'a'.repeat(40)} 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-5 7\n`;
  const vars = 'vars currentEpoch 1 lastVoteEpoch 0\n';

  it('is missing when it is not there or empty, as the engine sees it', async () => {
    for (const text of [null, '']) assert.deepEqual(await stateOf(text), { kind: 'missing' });
  });

  it('is damaged by zeros, by text that is none, by slots that are none, and by the lack of its own node', async () => {
    assert.deepEqual(await stateOf(line + vars), { kind: 'fine', leadsSince: 1 });
    const replica = line.replace('master -', `slave ${'b'.repeat(40)}`).replace(' 0-5 7', '');
    assert.deepEqual(await stateOf(replica + vars), { kind: 'fine', leadsSince: null });
    for (const text of [
      '\0'.repeat(300),
      'nobody\n',
      line.replace('0-5', '0-16384') + vars,
      line.replace('myself,', '') + vars,
      line,
    ])
      assert.equal((await stateOf(text)).kind, 'damaged', text);
  });
});
