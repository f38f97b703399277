/** Who is forgotten while it introduces itself has done nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keyOf } from '../../src/engines/valkey/cluster-plan.ts';
import { changeSign, parseClusterNodes, readMembers } from '../../src/engines/valkey/cluster-view.ts';
import { forgetAll, isLeftover, strangersAmong } from '../../src/engines/valkey/strangers.ts';
import { engines, eventually, withBench } from './valkey-support.ts';

const busPort = 16379;
const spec = { mode: { kind: 'cluster', busPort } } as const;

for (const engine of engines)
  describe(`a stranger that meets ${engine.name}`, () => {
    it('is seen before it is known, can be forgotten, and has taken nothing', () =>
      withBench(engine, async (bench) => {
        const [node, stranger] = [await bench.start(spec), await bench.start(spec)];
        await node.connection.call('CLUSTER', 'SET-CONFIG-EPOCH', 1);
        await node.connection.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
        await node.connection.call('SET', 'key', 'value').catch(() => {}); // not writable for 2 s
        await stranger.connection.call('CLUSTER', 'SET-CONFIG-EPOCH', 100);
        await stranger.connection.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
        const before = changeSign(String(await node.connection.call('CLUSTER', 'INFO')));
        await stranger.connection.call('CLUSTER', 'MEET', node.address, node.port, busPort);
        const known = new Set([keyOf(node)]);
        const found = await eventually(async () => {
          const now = strangersAmong(await readMembers(node.connection), known);
          return now.length > 0 ? now : null;
        });
        assert.deepEqual(
          found.map(({ health, port, slots }) => ({ health, port, slots })),
          [{ health: 'joining', port: stranger.port, slots: [] }],
        );
        assert.notEqual(changeSign(String(await node.connection.call('CLUSTER', 'INFO'))), before);
        assert.deepEqual(await forgetAll(node.connection, found), []);
        assert.deepEqual(await forgetAll(node.connection, found), [], 'may be repeated');
        const members = await readMembers(node.connection);
        assert.deepEqual(strangersAmong(members, known), []);
        assert.deepEqual(members[0]?.slots, [{ start: 0, end: 16383 }]);
      }));

    it('is kept while the node follows it, and that is said', () =>
      withBench(engine, async (bench) => {
        const [node, stranger] = [await bench.start(spec), await bench.start(spec)];
        await stranger.connection.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
        await stranger.connection.call('CLUSTER', 'MEET', node.address, node.port, busPort);
        const id = String(await stranger.connection.call('CLUSTER', 'MYID'));
        await eventually(() =>
          node.connection.call('CLUSTER', 'REPLICATE', id).then(
            () => true,
            () => false,
          ),
        );
        const found = strangersAmong(await readMembers(node.connection), new Set([keyOf(node)]));
        assert.deepEqual((await forgetAll(node.connection, found)).map(keyOf), [keyOf(stranger)]);
      }));
  });

describe('a line of CLUSTER NODES', () => {
  const line = (flags: string, link: string, slots = '') =>
    parseClusterNodes(`${'a'.repeat(40)} 127.0.0.1:7000@17000 ${flags} - 0 0 1 ${link} ${slots}`)[0]!;

  it('of somebody who is gone for good is a leftover; one that is there, joins or owns slots is not', () => {
    assert.equal(isLeftover(line('master,fail', 'disconnected')), true);
    assert.equal(isLeftover(line('master', 'connected')), false);
    assert.equal(isLeftover(line('handshake', 'disconnected')), false);
    assert.equal(isLeftover(line('master,fail', 'disconnected', '0-10')), false);
  });

  it('without an address names nobody who could be a stranger', () => {
    const members = parseClusterNodes(`${'a'.repeat(40)} :0@0 master,noaddr - 0 0 1 disconnected`);
    assert.deepEqual(strangersAmong(members, new Set()), []);
  });
});
