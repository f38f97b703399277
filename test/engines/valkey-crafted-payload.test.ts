/** What a client makes up for RESTORE: a payload with a right checksum, whose inside ends the engine that reads it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redis } from 'iovalkey';
import { setDirectives } from '../../src/engines/valkey/parameters.ts';
import { crc64 } from '../support/crc64.ts';
import { engines, eventually, fingerprintOf, withBench } from './valkey-support.ts';

/** As DUMP writes it: type, content, version of the format (oldest that has these types), checksum. */
function sealed(type: number, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([type]), content, Buffer.from([10, 0])]);
  const checksum = Buffer.alloc(8);
  checksum.writeBigUInt64LE(crc64(body));
  return Buffer.concat([body, checksum]);
}

const shortString = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([bytes.length]), bytes]);

/** Two entries: `f`, and one that says that it is 900 bytes long. */
function listpack(): Buffer {
  const entries = Buffer.from([0x81, 0x66, 2, 0xe3, 0x84, 0x76, 4, 0xff]);
  const head = Buffer.alloc(6);
  head.writeUInt32LE(head.length + entries.length, 0);
  head.writeUInt16LE(2, 4);
  return shortString(Buffer.concat([head, entries]));
}

/** Four numbers out of order: a search goes past its end. */
function intset(): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(2, 0);
  head.writeUInt32LE(4, 4);
  return shortString(Buffer.concat([head, Buffer.from([5, 0, 1, 0, 9, 0, 2, 0])]));
}

const crafted: readonly (readonly [what: string, payload: Buffer, read: readonly [string, ...string[]]])[] = [
  ['a hash', sealed(16, listpack()), ['HGETALL', 'key']],
  ['a sorted set', sealed(17, listpack()), ['ZRANGE', 'key', '0', '-1']],
  ['a list', sealed(18, Buffer.concat([Buffer.from([1, 2]), listpack()])), ['LRANGE', 'key', '0', '-1']],
  ['a set of numbers', sealed(11, intset()), ['SMEMBERS', 'key']],
];

for (const engine of engines)
  describe(`a payload that was made up for ${engine.name}`, () => {
    it('is refused, whatever type it says that it is', () =>
      withBench(engine, async (bench) => {
        const node = await bench.start();
        const client = new Redis({ host: node.address, port: node.port });
        try {
          for (const [what, payload] of crafted)
            await assert.rejects(client.restore('key', 0, payload), /Bad data format/, what);
          assert.equal(await client.exists('key'), 0);
          await client.hset('real', 'field', 'value');
          const dump = await client.dumpBuffer('real');
          assert.equal(await client.restore('again', 0, dump), 'OK');
          assert.deepEqual(await client.hgetall('again'), { field: 'value' });
        } finally {
          client.disconnect();
        }
      }));

    it('would end the engine where it is not checked', async (t) => {
      const { directives } = await fingerprintOf(engine);
      if (!directives.includes('sanitize-dump-payload')) return t.skip('this engine always checks');
      await withBench(engine, async (bench) => {
        const [, payload, [command, ...words]] = crafted[0]!;
        const node = await bench.start();
        await setDirectives(node.connection, [['sanitize-dump-payload', 'no']]);
        const client = new Redis({ host: node.address, port: node.port, retryStrategy: () => null });
        client.on('error', () => {});
        await client.restore('key', 0, payload);
        await assert.rejects(client.call(command, ...words));
        // An assertion of its own, or a read beyond its memory.
        assert.match(await eventually(() => node.process.signalCode), /^SIG(ABRT|SEGV|BUS)$/);
        client.disconnect();
      });
    });
  });
