import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type DecodedPacket, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet';
import type { NameRecord } from '../../src/endpoints/dns/answer.ts';
import { startDnsServer } from '../../src/endpoints/dns/server.ts';
import { silentLog } from '../../src/platform/log.ts';

const many = Array.from({ length: 30 }, (_, index) => `127.1.0.${index + 1}`);
const records: Readonly<Record<string, NameRecord>> = {
  one: { addresses: ['127.1.0.1'], ttlSeconds: 5 },
  many: { addresses: many, ttlSeconds: 1 },
};

async function serve(
  t: TestContext,
  lookUp = async (name: string): Promise<NameRecord | null> => records[name] ?? null,
) {
  const server = await startDnsServer({ zone: 'cache.test', port: 0, lookUp, log: silentLog });
  t.after(() => server.close());
  return server;
}

function query(name: string, more: Partial<Packet> = {}): Buffer {
  return encode({
    type: 'query',
    id: 77,
    flags: RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
    ...more,
  });
}

type Decoded = DecodedPacket & { readonly rcode: string };

/** The first answer over UDP, with its size; null when none of these messages is answered. */
async function overUdp(t: TestContext, port: number, ...messages: Buffer[]) {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  for (const message of messages) socket.send(message, port, '127.0.0.1');
  const [bytes] = (await once(socket, 'message', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
  return { size: bytes.length, packet: decode(bytes) as Decoded };
}

/** Everything that comes back over one TCP connection for these bytes, until it is closed. */
async function overTcp(port: number, bytes: Buffer, { end = true } = {}): Promise<Decoded[]> {
  const socket = connect(port, '127.0.0.1');
  if (end) socket.end(bytes);
  else socket.write(bytes);
  const received = Buffer.concat(await socket.toArray());
  const packets: Decoded[] = [];
  for (let at = 0; at < received.length; at += 2 + received.readUInt16BE(at))
    packets.push(decode(received.subarray(at + 2, at + 2 + received.readUInt16BE(at))) as Decoded);
  return packets;
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

const edns = (udpPayloadSize: number, ednsVersion = 0): Partial<Packet> => ({
  additionals: [
    {
      type: 'OPT',
      name: '.',
      udpPayloadSize,
      extendedRcode: 0,
      ednsVersion,
      flags: 0,
      flag_do: false,
      options: [],
    },
  ],
});
const optOf = (packet: Decoded) => packet.additionals?.find((record) => record.type === 'OPT');

describe('the DNS server', () => {
  it('answers over UDP with authority and without offering recursion', async (t) => {
    const { port } = await serve(t);
    const { packet } = await overUdp(t, port, query('one.cache.test'));
    assert.deepEqual(
      [packet.id, packet.rcode, packet.flag_aa, packet.flag_ra, packet.flag_rd, packet.flag_tc],
      [77, 'NOERROR', true, false, true, false],
    );
    assert.deepEqual(packet.answers, [
      { name: 'one.cache.test', type: 'A', ttl: 5, class: 'IN', flush: false, data: '127.1.0.1' },
    ]);
  });

  it('gives back the case of the question', async (t) => {
    const { port } = await serve(t);
    const { packet } = await overUdp(t, port, query('oNe.CaChE.tEsT'));
    assert.equal(packet.questions?.[0]?.name, 'oNe.CaChE.tEsT');
    assert.equal(packet.answers?.[0]?.name, 'oNe.CaChE.tEsT');
  });

  it('says over UDP that an answer is too long, and gives it over TCP', async (t) => {
    const { port } = await serve(t);
    const { packet, size } = await overUdp(t, port, query('many.cache.test'));
    assert.deepEqual([packet.flag_tc, packet.answers?.length], [true, 0]);
    assert.ok(size < 100, `${size} bytes`);
    const [whole] = await overTcp(port, framed(query('many.cache.test')));
    assert.deepEqual([whole?.flag_tc, whole?.answers?.length], [false, 30]);
  });

  it('gives a longer answer over UDP to a client that takes it (EDNS0)', async (t) => {
    const { port } = await serve(t);
    const { packet } = await overUdp(t, port, query('many.cache.test', edns(1232)));
    assert.deepEqual([packet.flag_tc, packet.answers?.length], [false, 30]);
    assert.ok(optOf(packet));
  });

  it('sends no answer longer than 1232 bytes, whatever a client says it takes', async (t) => {
    const addresses = [...many, ...many, ...many];
    const { port } = await serve(t, async () => ({ addresses, ttlSeconds: 1 }));
    const { packet, size } = await overUdp(t, port, query('one.cache.test', edns(65_535)));
    assert.equal(packet.flag_tc, true);
    assert.ok(size <= 1232);
  });

  it('refuses a version of EDNS that does not exist yet', async (t) => {
    const { port } = await serve(t);
    const { packet } = await overUdp(t, port, query('one.cache.test', edns(1232, 1)));
    const opt = optOf(packet);
    assert.deepEqual([packet.rcode, opt?.type === 'OPT' && opt.extendedRcode], ['NOERROR', 1]);
    assert.equal(packet.answers?.length, 0);
  });

  it('begins with another address each time', async (t) => {
    const { port } = await serve(t, async () => ({ addresses: ['127.1.0.1', '127.1.0.2'], ttlSeconds: 1 }));
    const firsts = new Set<unknown>();
    for (let round = 0; round < 2; round += 1) {
      const [answer] = (await overUdp(t, port, query('one.cache.test'))).packet.answers ?? [];
      firsts.add(answer && 'data' in answer ? answer.data : null);
    }
    assert.deepEqual(firsts, new Set(['127.1.0.1', '127.1.0.2']));
  });

  it('answers several questions of one connection in order', async (t) => {
    const { port } = await serve(t);
    const names = ['one.cache.test', 'none.cache.test', 'example.com'];
    const packets = await overTcp(port, Buffer.concat(names.map((name) => framed(query(name)))));
    assert.deepEqual(
      packets.map(({ rcode }) => rcode),
      ['NOERROR', 'NXDOMAIN', 'REFUSED'],
    );
  });

  it('says that it cannot do anything but answer questions', async (t) => {
    const { port } = await serve(t);
    const { packet } = await overUdp(t, port, query('cache.test', { flags: 5 << 11 }));
    assert.equal(packet.rcode, 'NOTIMP');
  });

  it('says that it failed when the names cannot be read', async (t) => {
    const { port } = await serve(t, async () => {
      throw new Error('no disk');
    });
    const { packet } = await overUdp(t, port, query('one.cache.test'));
    assert.equal(packet.rcode, 'SERVFAIL');
  });

  const good = query('one.cache.test');
  const malformed: Readonly<Record<string, Buffer>> = {
    'an empty message': Buffer.alloc(0),
    'half a header': good.subarray(0, 7),
    'a question that is cut off': good.subarray(0, good.length - 3),
    'an answer, which could be its own': encode({ ...decode(good), type: 'response' }),
    'a message without a question': query('one.cache.test', { questions: [] }),
    'two questions at once': query('x', {
      questions: [
        { type: 'A', name: 'one.cache.test' },
        { type: 'A', name: 'many.cache.test' },
      ],
    }),
    'a count of 65535 records': Buffer.concat([
      good.subarray(0, 6),
      Buffer.alloc(6, 0xff),
      good.subarray(12),
    ]),
    'a name that points at itself': Buffer.concat([
      good.subarray(0, 12),
      Buffer.from([0xc0, 0x0c, 0, 1, 0, 1]),
    ]),
    'a label with a dot within': Buffer.concat([
      good.subarray(0, 12),
      Buffer.from('\x07one.two\x05cache\x04test\x00\x00\x01\x00\x01', 'latin1'),
    ]),
    'a message longer than any question': Buffer.concat([good, Buffer.alloc(600)]),
    noise: Buffer.from(Array.from({ length: 200 }, (_, index) => (index * 197) % 256)),
  };
  for (const [what, message] of Object.entries(malformed))
    it(`is silent to ${what}, and goes on serving`, async (t) => {
      const { port } = await serve(t);
      // Answers come in the order of the questions here, so the first one shows that the message had none.
      const marker = query('one.cache.test', { id: 1234 });
      const { packet } = await overUdp(t, port, message, marker);
      assert.equal(packet.id, 1234);
    });

  it('ends a TCP connection on a malformed message or one that is too long', async (t) => {
    const { port } = await serve(t);
    assert.deepEqual(await overTcp(port, framed(malformed.noise!), { end: false }), []);
    assert.deepEqual(await overTcp(port, Buffer.from([0xff, 0xff, 0]), { end: false }), []);
  });

  it('drops what comes beyond 256 questions in work, and serves again after', async (t) => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    const { port } = await serve(t, async () => {
      asked += 1;
      await held;
      return records.one!;
    });
    const socket = createSocket('udp4');
    t.after(() => socket.close());
    let answers = 0;
    socket.on('message', () => {
      answers += 1;
    });
    for (let sent = 0; sent < 300; sent += 1) {
      socket.send(query('one.cache.test'), port, '127.0.0.1');
      if (sent % 50 === 0) await delay(5); // no more than a socket's buffer holds
    }
    while (asked < 256) await delay(5);
    release();
    while (answers < 256) await delay(5);
    assert.equal(asked, 256);
    assert.equal((await overUdp(t, port, query('one.cache.test'))).packet.rcode, 'NOERROR');
  });

  it('closes at once though a client keeps its connection', async (t) => {
    const server = await serve(t);
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    const started = performance.now();
    socket.on('error', () => {});
    await Promise.all([server.close(), once(socket, 'close')]);
    assert.ok(performance.now() - started < 1_000);
  });

  it('says who is in the way when its port is taken', async (t) => {
    const { port } = await serve(t);
    const second = startDnsServer({ zone: 'cache.test', port, lookUp: async () => null, log: silentLog });
    await assert.rejects(
      second,
      new RegExp(`cache\\.test cannot be served on 127\\.0\\.0\\.1:${port}.*another port`),
    );
  });
});
