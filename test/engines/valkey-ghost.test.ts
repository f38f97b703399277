/** A primary that is started as the replica of a ghost takes writes as soon as it has taken over, not 2 s after its boot. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { EngineConnection } from '../../src/engines/valkey/client.ts';
import { failOver, isWhole } from '../../src/engines/valkey/cluster-failover.ts';
import { keyOf } from '../../src/engines/valkey/cluster-plan.ts';
import { parseClusterNodes, readMembers } from '../../src/engines/valkey/cluster-view.ts';
import { asReplicaOfGhost, ghostPort, nodesFileState } from '../../src/engines/valkey/nodes-file.ts';
import { forgetAll } from '../../src/engines/valkey/strangers.ts';
import { localFiles } from '../../src/platform/local-files.ts';
import { type Bench, engines, eventually, type TestNode, withBench } from './valkey-support.ts';

const busPort = 16379;
const spec = { mode: { kind: 'cluster', busPort }, durability: 'sync' } as const;

/** Two primaries that know each other, each with half of the slots; the first one holds a key. */
async function startPair(bench: Bench): Promise<[TestNode, TestNode]> {
  const [one, other] = [await bench.start(spec), await bench.start(spec)];
  await one.connection.call('CLUSTER', 'SET-CONFIG-EPOCH', 1);
  await other.connection.call('CLUSTER', 'SET-CONFIG-EPOCH', 2);
  await one.connection.call('CLUSTER', 'ADDSLOTSRANGE', 0, 8191);
  await other.connection.call('CLUSTER', 'ADDSLOTSRANGE', 8192, 16383);
  await one.connection.call('CLUSTER', 'MEET', other.address, other.port, busPort);
  for (const { connection } of [one, other]) await eventually(() => isWhole(connection));
  await one.connection.call('SET', '{b}key', 'kept'); // slot 3300
  return [one, other];
}

async function startAgain(bench: Bench, node: TestNode): Promise<TestNode> {
  node.process.kill('SIGKILL');
  await once(node.process, 'exit');
  const file = join(node.directory, 'data', 'nodes.conf');
  const changed = asReplicaOfGhost(readFileSync(file, 'utf8'));
  assert.ok(changed);
  assert.equal(asReplicaOfGhost(changed), null, 'may be repeated');
  writeFileSync(file, changed);
  const state = await nodesFileState(localFiles, join(node.directory, 'data'));
  assert.deepEqual(state, { kind: 'fine', leadsSince: null });
  return bench.start({ ...spec, address: node.address, port: node.port }, node.directory);
}

/** Null while it loads its data. */
const keysOf = (connection: EngineConnection): Promise<unknown> =>
  connection.call('DBSIZE').catch(() => null);

for (const engine of engines)
  describe(`a primary of ${engine.name} that comes back`, () => {
    it('takes writes in less than the 2 s that its engine waits, with its data, its id and its slots', () =>
      withBench(engine, async (bench) => {
        const [node, other] = await startPair(bench);
        const id = await node.connection.call('CLUSTER', 'MYID');
        const began = performance.now();
        const back = await startAgain(bench, node);
        // While it loads its data it refuses the question.
        await eventually(() => isWhole(back.connection).catch(() => false));
        await failOver(back.connection, 'alone');
        await eventually(() =>
          back.connection.call('SET', '{b}new', 'taken').then(
            () => true,
            () => false,
          ),
        );
        assert.ok(performance.now() - began < 1_900, `${performance.now() - began} ms`);
        assert.equal(await back.connection.call('GET', '{b}key'), 'kept');
        assert.equal(await back.connection.call('CLUSTER', 'MYID'), id);
        const isGhost = (one: { port: number }) => one.port === ghostPort;
        for (const { connection } of [back, other])
          await eventually(
            async () => {
              const members = await readMembers(connection);
              await forgetAll(connection, members.filter(isGhost));
              const owner = members.find((one) => keyOf(one) === keyOf(node));
              return members.length === 2 && owner?.id === id && owner?.slots[0]?.end === 8191;
            },
            { seen: () => readMembers(connection) },
          );
      }));

    it('is left as a replica with all its data by whoever dies before it takes over', () =>
      withBench(engine, async (bench) => {
        const [node] = await startPair(bench);
        const back = await startAgain(bench, node);
        await eventually(async () => {
          const [role, address, port] = (await back.connection.call('ROLE')) as [string, string, number];
          return role === 'slave' && address === node.address && port === ghostPort;
        });
        await eventually(async () => (await keysOf(back.connection)) === 1);
        // A second death and start find the same.
        back.process.kill('SIGKILL');
        await once(back.process, 'exit');
        const again = await bench.start({ ...spec, address: node.address, port: node.port }, node.directory);
        await eventually(async () => (await keysOf(again.connection)) === 1);
        await failOver(again.connection, 'alone');
        await eventually(async () => ((await again.connection.call('ROLE')) as string[])[0] === 'master');
        const self = (await readMembers(again.connection)).find(({ isMyself }) => isMyself);
        assert.deepEqual(self?.slots, [{ start: 0, end: 8191 }]);
      }));
  });

describe('the nodes.conf of a primary', () => {
  const [own, other] = ['1'.repeat(40), '2'.repeat(40)];
  const file = (flags: string, primary: string, slots: string) =>
    [
      `${own} 127.0.0.1:6379@16379,,tls-port=0,shard-id=${'a'.repeat(40)} ${flags} ${primary} 0 0 3 connected${slots}`,
      `${other} 127.0.0.2:6379@16379 master - 0 0 2 connected 101-200`,
      'vars currentEpoch 3 lastVoteEpoch 0',
      '',
    ].join('\n');

  it('is changed in its own line, and gets one more', () => {
    const text = asReplicaOfGhost(file('myself,master', '-', ' 0-99 300'))!;
    const [ghost, self, rest] = parseClusterNodes(text.split('vars')[0]!);
    assert.deepEqual(
      [ghost?.port, ghost?.epoch, ghost?.slots.length, ghost?.isMyself],
      [ghostPort, 3, 2, false],
    );
    assert.deepEqual([self?.id, self?.role, self?.primaryId, self?.slots], [own, 'replica', ghost?.id, []]);
    assert.equal(rest?.id, other);
    assert.match(text, /shard-id=a{40} master - .*\n.*shard-id=a{40} myself,slave/);
    assert.match(text, /\nvars currentEpoch 3 lastVoteEpoch 0\n$/);
  });

  it('names the port of the ghost also where TLS has one', () => {
    const text = asReplicaOfGhost(
      file('myself,master', '-', ' 0-99').replaceAll('tls-port=0', 'tls-port=6379'),
    )!;
    const [ghost, self] = text.split('\n');
    assert.match(ghost!, /,tls-port=1,/);
    assert.match(self!, /,tls-port=6379,/);
  });

  it('is left alone when the node is a replica, owns nothing, or slots are on their way', () => {
    assert.equal(asReplicaOfGhost(file('myself,slave', other, '')), null);
    assert.equal(asReplicaOfGhost(file('myself,master', '-', '')), null);
    assert.equal(asReplicaOfGhost(file('myself,master', '-', ` 0-99 [93->-${other}]`)), null);
    assert.equal(asReplicaOfGhost('nonsense'), null);
  });
});
