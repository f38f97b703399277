import assert from 'node:assert/strict';
import { once } from 'node:events';
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
  type TestConnection,
  type TestServer,
} from './memcached-configuration-server.ts';

/** Reproduce a failure with LIMBER_TEST_SEED=<the printed number>. */
const testSeed = Number(process.env.LIMBER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Where our own answer is due in a stream: directly, the node is asked for an item that nothing else touches. */
const place = 'get the-place\r\n';
const placeReply = 'VALUE the-place 0 11\r\n@the-place@\r\nEND\r\n';
const placeSet = 'set the-place 0 0 11\r\n@the-place@\r\n';

/** Values that would fool whoever does not count bytes. */
const trickyValues = [
  '',
  'x',
  'config get cluster\r\n',
  'VERSION 1.6.45\r\n',
  'END\r\n',
  'VALUE k1 0 100000\r\n',
  '\r\nquit\r\n',
  'set k1 0 0 5\r\n',
  '\0\x80\xff',
];

function command(random: Random): string {
  const key = () => `k${random.below(6)}`;
  const value = () =>
    random.below(12) === 0 ? 'v'.repeat(random.below(300_000)) : random.pick(trickyValues);
  const quiet = () => random.pick(['', '', ' noreply']);
  const body = (head: (bytes: number) => string) => {
    const data = value();
    return `${head(data.length)}\r\n${data}\r\n`;
  };
  const storage = () => random.pick(['set', 'set', 'set', 'add', 'replace', 'append', 'prepend']);
  const makers: (() => string)[] = [
    () => body((bytes) => `${storage()} ${key()} ${random.below(9)} 0 ${bytes}${quiet()}`),
    () => body((bytes) => `cas ${key()} 0 0 ${bytes} ${random.below(60)}${quiet()}`),
    () => body((bytes) => `ms ${key()} ${bytes} c O${random.below(99)} ${random.pick(['', 'q', 'MA', 'I'])}`),
    () => `get ${key()} ${key()} ${key()}\r\n`,
    () => `gets ${key()}\r\n`,
    () => `gat 0 ${key()} ${key()}\n`,
    () => `mg ${key()} v k f s ${random.pick(['', 'q', 'c'])}\r\n`,
    () => `md ${key()} ${random.pick(['', 'q'])}\r\n`,
    () => `ma ${key()} ${random.pick(['v', 'D3', 'q'])}\r\n`,
    () => `${random.pick(['incr', 'decr'])} ${key()} ${random.below(9)}${quiet()}\r\n`,
    // A number that becomes shorter is padded or not, as the node's threads will; this one has two digits always.
    () =>
      `set n 0 0 2\r\n50\r\n${random.pick(['incr', 'decr'])} n ${random.below(9)}${quiet()}\r\nma n v\r\nget n\r\n`,
    () => `touch ${key()} 0${quiet()}\r\n`,
    () => `delete ${key()}${quiet()}\r\n`,
    () => 'version\r\n',
    () => 'mn\r\n',
    () => random.pick(['bogus\r\n', '\r\n', 'get\r\n', 'set k1 0 0\r\n', 'ms k1\r\n', 'verbosity\r\n']),
    // Some versions swallow the value of a refused command, others take it for commands.
    () => `set ${'k'.repeat(251)} 0 0 18\r\nconfig get cluster\r\n`,
    () => `set k1 0 0 3\r\ntoo long\r\n`,
    () => place,
    () => place,
  ];
  return random.pick(makers)();
}

async function sendSplit(connection: TestConnection, stream: string, random: Random): Promise<void> {
  const bytes = Buffer.from(stream, 'latin1');
  for (let at = 0; at < bytes.length; ) {
    const size = random.pick([1, 2, 7, 40, 500, 5_000, 60_000]);
    const goesOn = connection.socket.write(bytes.subarray(at, at + size));
    at += size;
    if (connection.socket.destroyed) return;
    if (!goesOn) await Promise.race(['drain', 'close'].map((event) => once(connection.socket, event)));
    else if (random.below(3) > 0) await nextTurn();
  }
}

for (const engine of await memcachedEngines()) {
  describe(`the configuration endpoint before memcached ${engine.version}`, () => {
    let server: TestServer;
    let direct: TestNode;
    let behind: TestNode;
    let configuration: EndpointConfiguration;
    before(async () => {
      [server, direct, behind] = await Promise.all([
        startConfigurationServer(),
        startNode(engine, { memoryMb: 256 }),
        startNode(engine, { memoryMb: 256 }),
      ]);
      configuration = configurationOf([behind], { keyRefreshMs: 15_000 });
      await server.serve('cache', configuration);
      // The key kept on the node took a CAS number there: the other node gives one away too.
      const connection = await openConnection(direct);
      await connection.ask('set AmazonElastiCache:cluster 0 0 1\r\nx\r\n');
      connection.close();
    });
    after(async () => {
      await Promise.all([server.stop(), direct.kill(), behind.kill()]);
    });

    it(`gives back the same bytes as the node itself, in order, for random streams (seed ${testSeed})`, async () => {
      const random = seeded(testSeed);
      for (let round = 0; round < 40; round += 1) {
        const stream = `${placeSet}${Array.from({ length: 1 + random.below(60) }, () => command(random)).join('')}quit\r\n`;
        const [plain, spliced] = await Promise.all([openConnection(direct), openConnection(configuration)]);
        const [expected, seen] = await Promise.all([
          sendSplit(plain, stream, random).then(() => plain.readToEnd()),
          sendSplit(spliced, stream.replaceAll(place, 'config get cluster\r\n'), random).then(() =>
            spliced.readToEnd(),
          ),
        ]);
        const wanted = expected.replaceAll(placeReply, expectedList(configuration));
        const at = [...wanted].findIndex((byte, index) => byte !== seen[index]);
        assert.ok(
          wanted === seen,
          `seed ${testSeed}, round ${round}: wanted ${wanted.length} bytes, got ${seen.length}; at ${at}: ${JSON.stringify(wanted.slice(at - 80, at + 80))} / ${JSON.stringify(seen.slice(at - 80, at + 80))}`,
        );
        plain.close();
        spliced.close();
      }
    });

    it('carries a value of the largest size both ways', async () => {
      const connection = await openConnection(configuration);
      const value = 'config get cluster\r\n'.repeat(50_000);
      assert.equal(await connection.ask(`set big 0 0 ${value.length}\r\n${value}\r\n`), 'STORED\r\n');
      const reply = await connection.ask('get big\r\n', 'END\r\n');
      assert.ok(reply === `VALUE big 0 ${value.length}\r\n${value}\r\nEND\r\n`);
      connection.close();
    });

    it('answers what was asked before the client half-closed', async () => {
      const connection = await openConnection(configuration);
      connection.socket.end('set half 0 0 1\r\n1\r\nconfig get cluster\r\nget half\r\n');
      assert.equal(
        await connection.readToEnd(),
        `STORED\r\n${expectedList(configuration)}VALUE half 0 1\r\n1\r\nEND\r\n`,
      );
    });

    it('closes on quit, with or without a node behind', async () => {
      for (const before of ['', 'get nothing\r\n']) {
        const connection = await openConnection(configuration);
        connection.send(`${before}config get cluster\r\nquit\r\nconfig get cluster\r\n`);
        assert.equal(await connection.readToEnd(), `${before && 'END\r\n'}${expectedList(configuration)}`);
      }
    });

    it('serves the binary protocol, with discovery in its place among quiet commands', async () => {
      const packet = (opcode: number, key: string, value = '', extras = '') => {
        const header = Buffer.alloc(24);
        header[0] = 0x80;
        header[1] = opcode;
        header.writeUInt16BE(key.length, 2);
        header[4] = extras.length;
        header.writeUInt32BE(extras.length + key.length + value.length, 8);
        header.write(`op${opcode.toString(16).padStart(2, '0')}`, 12);
        return Buffer.concat([header, Buffer.from(extras + key + value, 'latin1')]);
      };
      const connection = await openConnection(configuration);
      const setQuiet = packet(0x11, 'binary', 'value', '\0'.repeat(8));
      connection.send(
        Buffer.concat([
          setQuiet,
          packet(0x60, 'cluster'),
          packet(0x0a, ''),
          packet(0x00, 'binary'),
          packet(0x07, ''),
        ]),
      );
      const bytes = Buffer.from(await connection.readToEnd(), 'latin1');
      const opcodes: number[] = [];
      const bodies: string[] = [];
      for (let at = 0; at < bytes.length; ) {
        const body = bytes.readUInt32BE(at + 8);
        opcodes.push(bytes[at + 1] as number);
        bodies.push(bytes.toString('latin1', at + 24, at + 24 + body));
        at += 24 + body;
      }
      assert.deepEqual(opcodes, [0x60, 0x0a, 0x00, 0x07]);
      assert.equal(bodies[0], `\0\0\0\0${expectedList(configuration).split('\r\n')[1]}`);
      assert.equal(bodies[2], '\0\0\0\0value');
    });

    it('cuts a client whose line never ends, and goes on with the others', async () => {
      const [hostile, other] = await Promise.all([
        openConnection(configuration),
        openConnection(configuration),
      ]);
      hostile.send('x'.repeat(100_000));
      await hostile.readToEnd();
      assert.equal(await other.ask('config get cluster\r\n', 'END\r\n'), expectedList(configuration));
      hostile.close();
      other.close();
    });

    it('holds little for a client that asks for much and does not read', async () => {
      const connection = await openConnection(configuration);
      const value = 'v'.repeat(1_000_000);
      await connection.ask(`set big 0 0 ${value.length}\r\n${value}\r\n`);
      connection.socket.pause();
      connection.socket.removeAllListeners('data');
      const count = 200;
      connection.send('get big\r\nconfig get cluster\r\n'.repeat(count));
      let most = 0;
      // Long enough for all of it to arrive if it were taken: 200 MB need about a third of a second here.
      for (const end = performance.now() + 700; performance.now() < end; await nextTurn()) {
        most = Math.max(most, residentMegabytes(server.process.pid));
      }
      assert.ok(most < 150, `${most} MB`);
      const one = `VALUE big 0 ${value.length}\r\n${value}\r\nEND\r\n${expectedList(configuration)}`;
      let received = 0;
      connection.socket.on('data', (chunk) => {
        received += chunk.length;
      });
      connection.socket.resume();
      await eventually(() => received === one.length * count, { deadlineMs: 15_000, seen: () => received });
      connection.close();
    });
  });
}
