/** Whatever bytes come: the server goes on, complains of nothing, keeps no client waiting and takes little memory. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EndpointConfiguration } from '../../src/endpoints/memcached-configuration/control.ts';
import { eventually, memcachedEngines, startNode, type TestNode } from '../engines/memcached-node.ts';
import { residentMegabytes } from '../support/memory.ts';
import { type Random, seeded } from '../support/random.ts';
import {
  configurationOf,
  expectedList,
  openConnection,
  startConfigurationServer,
  type TestServer,
} from './memcached-configuration-server.ts';

/** Reproduce a failure with LIMBER_TEST_SEED=<the printed number>. */
const testSeed = Number(process.env.LIMBER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

const words = [
  'config',
  'get',
  'gets',
  'set',
  'cas',
  'ms',
  'mg',
  'me',
  'mn',
  'delete',
  'cluster',
  'version',
  'stats',
];
const more = [
  'AmazonElastiCache:cluster',
  'noreply',
  '0',
  '-1',
  '5',
  '99999999999',
  '2147483648',
  'quit',
  '\0',
  'é',
];

const oneIn = (random: Random, times: number) => random.below(times) === 0;
const someBytes = (random: Random, count: number) =>
  Buffer.from(Array.from({ length: count }, () => random.below(256)));

/** A line that could mean something, with whatever follows it. */
function line(random: Random): string {
  const length = random.below(7);
  const parts = Array.from({ length }, () => random.pick(oneIn(random, 2) ? words : more));
  const end = random.pick(['\r\n', '\r\n', '\r\n', '\n', '\r', '', '\r\n\r\n']);
  return parts.join(random.pick([' ', ' ', '  ', '\t'])) + end;
}

/** A packet whose header may lie about all that follows. */
function packet(random: Random): Buffer {
  const body = someBytes(random, random.pick([0, 7, 7, 30, 2_000]));
  const header = someBytes(random, 24);
  header[0] = oneIn(random, 10) ? random.below(256) : 0x80;
  header[1] = random.pick([0x00, 0x01, 0x0a, 0x60, 0x60, 0x60, 0x64, 0x66, random.below(256)]);
  if (!oneIn(random, 4)) {
    header.writeUInt16BE(Math.min(body.length, random.pick([0, 7, 250, 65_535])), 2);
    header[4] = random.pick([0, 0, 4, 255]);
    header.writeUInt32BE(body.length, 8);
  }
  return Buffer.concat([header, body]);
}

function stream(random: Random): Buffer {
  const count = 1 + random.below(40);
  switch (random.below(4)) {
    case 0:
      return someBytes(random, random.below(5_000));
    case 1:
      return Buffer.concat(Array.from({ length: count }, () => packet(random)));
    case 2:
      return Buffer.from(
        random.pick(['config get ', 'get ', 'x', '\r\n', '\x80']).repeat(random.below(50_000)),
        'latin1',
      );
    default:
      return Buffer.from(Array.from({ length: count }, () => line(random)).join(''));
  }
}

describe(`the configuration endpoint under random bytes (seed ${testSeed})`, () => {
  let server: TestServer;
  let node: TestNode;
  let forms: EndpointConfiguration[];
  before(async () => {
    [server, node] = await Promise.all([
      startConfigurationServer(),
      startNode((await memcachedEngines())[0]!),
    ]);
    forms = [configurationOf([node]), configurationOf([node], { form: 'key' })];
    for (const [index, configuration] of forms.entries()) await server.serve(`form-${index}`, configuration);
  });
  after(() => Promise.all([server.stop(), node.kill()]));

  it('serves a sane client beside each of 400 others, and every one of those comes to an end', async () => {
    const random = seeded(testSeed);
    for (let round = 0; round < 400; round += 1) {
      const bytes = stream(random);
      const hostile = await openConnection(random.pick(forms));
      for (let at = 0; at < bytes.length && !hostile.socket.destroyed; ) {
        const size = random.pick([1, 10, 100, 5_000, 50_000]);
        hostile.socket.write(bytes.subarray(at, at + size));
        at += size;
        if (oneIn(random, 3)) await nextTurn();
      }
      if (oneIn(random, 4)) hostile.socket.destroy();
      else {
        // A request that is not whole is waited for by the engine too: the end is what ends it.
        hostile.socket.end();
        await eventually(() => hostile.socket.readableEnded || hostile.socket.destroyed, {
          deadlineMs: 15_000,
          seen: () => `seed ${testSeed}, round ${round}: ${JSON.stringify(bytes.toString('latin1', 0, 300))}`,
        });
        hostile.close();
      }
      if (round % 10 > 0) continue;
      const sane = await openConnection(forms[0]!);
      assert.equal(await sane.ask('config get cluster\r\n', 'END\r\n'), expectedList(forms[0]!));
      sane.close();
    }
    assert.equal(server.complaints(), '');
    assert.equal(server.process.exitCode, null);
    assert.ok(residentMegabytes(server.process.pid) < 160, `${residentMegabytes(server.process.pid)} MB`);
    await eventually(async () => (await server.status('form-0'))?.clients === 0, { deadlineMs: 15_000 });
  });
});
