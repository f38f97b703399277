import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseLogLines } from '../../src/engines/valkey/log-lines.ts';
import { readSlowLog } from '../../src/engines/valkey/slow-log.ts';
import { engines, withBench } from './valkey-support.ts';

const everything = [['slowlog-log-slower-than', '0']] as const;

for (const engine of engines) {
  describe(`the slow log of ${engine.name}`, () => {
    it('is read from where it was left, the oldest first, without keys and values', async () => {
      await withBench(engine, async (bench) => {
        const { connection, client } = await bench.start({ parameters: everything });
        const { last } = await readSlowLog(connection, -1, 'nobody');
        const user = await client();
        await user.call('CLIENT', 'SETNAME', 'shop');
        await user.call('PING');
        await user.call('SET', 'secret', 'value');
        await user.call('RPUSH', 'list', ...Array.from({ length: 60 }, (_, index) => index));
        const part = await readSlowLog(connection, last, 'test');
        const own = part.entries.filter(({ clientName }) => clientName === 'shop');
        assert.deepEqual(
          own.map(({ command }) => command),
          [
            'CLIENT ... (2 more arguments)',
            'PING',
            'SET ... (2 more arguments)',
            'RPUSH ... (61 more arguments)',
          ],
        );
        assert.match(own[1]!.clientAddress, /^127\.[\d.]+:\d+$/);
        assert.ok(Math.abs(own[1]!.timestamp - Date.now() / 1_000) < 60);
        assert.ok(part.last >= own.at(-1)!.id);
        const next = await readSlowLog(connection, part.last, 'test');
        assert.deepEqual(next.entries, []);
      });
    });

    it('loses nothing to those that are slow at the same moment', async () => {
      await withBench(engine, async (bench) => {
        const { connection, client } = await bench.start({
          parameters: [...everything, ['slowlog-max-len', '100000']],
        });
        const writers = await Promise.all([client(), client(), client()]);
        let left = 300;
        const writing = writers.map(async (writer) => {
          for (; left > 0; left -= 1) await writer.call('INCR', 'count');
        });
        const ids: number[] = [];
        const readOn = async () => {
          const { entries } = await readSlowLog(connection, ids.at(-1) ?? -1, 'nobody');
          ids.push(...entries.map(({ id }) => id));
        };
        while (left > 0) await readOn();
        await Promise.all(writing);
        await readOn();
        assert.ok(ids.length > 300);
        assert.deepEqual(
          ids,
          ids.map((_, index) => index),
        );
      });
    });

    it('leaves out whom it is told to, and gives what is left of a ring that has run over', async () => {
      await withBench(engine, async (bench) => {
        const parameters = [...everything, ['slowlog-max-len', '10']] as const;
        const { connection, client } = await bench.start({ parameters });
        const user = await client();
        await user.call('CLIENT', 'SETNAME', 'shop');
        for (let count = 0; count < 30; count += 1) await user.call('INCR', 'count');
        const { entries, last } = await readSlowLog(connection, -1, 'test');
        assert.ok(entries.length >= 5 && entries.length <= 10, `${entries.length}`);
        assert.ok(entries.every(({ clientName }) => clientName !== 'test'));
        assert.deepEqual((await readSlowLog(connection, last + 10, 'test')).entries, []);
      });
    });

    it('writes its own log in lines that are understood', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        const before = Date.now() - 60_000;
        const lines = node.log().split('\n').filter(Boolean);
        const entries = parseLogLines(lines, { role: '?', level: '#', at: 0 });
        const ready = entries.find(({ message }) => message.startsWith('Ready to accept connections'));
        assert.equal(ready?.role, 'M');
        assert.equal(ready?.level, '*');
        assert.ok((ready?.at ?? 0) > before && (ready?.at ?? 0) <= Date.now());
      });
    });
  });
}

describe('lines of an engine without a head', () => {
  it('have that of the line before', () => {
    const lines = [
      '7:S 12 Nov 2020 01:28:57.994 # === BUG REPORT ===',
      'registers',
      '7:X 12 Nov 2020 no time',
      '7:M 99 Abc 2020 01:28:57.994 # no day',
    ];
    const entries = parseLogLines(lines, { role: 'M', level: '*', at: 3 });
    assert.deepEqual(
      entries.map(({ role, level, message }) => [role, level, message]),
      [
        ['S', '#', '=== BUG REPORT ==='],
        ['S', '#', 'registers'],
        ['S', '#', '7:X 12 Nov 2020 no time'],
        ['S', '#', '7:M 99 Abc 2020 01:28:57.994 # no day'],
      ],
    );
    assert.deepEqual(parseLogLines(['half a line'], { role: 'M', level: '*', at: 3 }), [
      { role: 'M', level: '*', at: 3, message: 'half a line' },
    ]);
  });
});
