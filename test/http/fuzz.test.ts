/** Whatever comes, signed or not: an answer below 500 or the end of the connection, soon, and the server is as it was. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { ActionHandlers } from '../../src/http/contract.ts';
import { actionNames } from '../../src/protocol/query/index.ts';
import { residentMegabytes } from '../support/memory.ts';
import { type Random, seeded } from '../support/random.ts';
import { type OpenFrontDoor, openFrontDoor } from './open-front-door.ts';
import { askSigned, headOf, openSocket, signedHeaders } from './raw-http.ts';

/** Reproduce a failure with LIMBER_TEST_SEED=<the printed number>. */
const testSeed = Number(process.env.LIMBER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

const endDeadlineMs = 5_000;
const oneIn = (random: Random, times: number) => random.below(times) === 0;
const text = (random: Random, lengthMax: number) =>
  Array.from({ length: random.below(lengthMax) }, () => String.fromCharCode(random.below(256))).join('');

/** Statuses of all answers that came on one connection, until it ended. Fails when it does not end. */
async function statusesOf(open: OpenFrontDoor, bytes: Buffer, random: Random): Promise<number[]> {
  const socket = await openSocket(open);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  const ended = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)));
  for (let at = 0; at < bytes.length && !socket.destroyed; ) {
    const size = random.pick([1, 20, 1_000, 100_000]);
    socket.write(bytes.subarray(at, at + size));
    at += size;
    if (oneIn(random, 3)) await nextTurn();
  }
  socket.end();
  const isOver = await Promise.race([ended, delay(endDeadlineMs, false, { ref: false })]);
  socket.destroy();
  assert.ok(isOver, `seed ${testSeed}: no end after ${JSON.stringify(bytes.toString('latin1', 0, 400))}`);
  return [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
}

/** A signed request, with some bytes of it changed, added, left out or repeated. */
async function damaged(random: Random, open: OpenFrontDoor): Promise<Buffer> {
  const body = `Action=${random.pick(actionNames)}&Version=2015-02-02&Marker=${'a'.repeat(random.below(200))}`;
  const headers = { ...(await signedHeaders(open, { body })), 'content-length': body.length };
  let bytes = Buffer.from(headOf(headers) + body);
  for (let change = 0; change < random.below(5); change += 1) {
    const at = random.below(bytes.length + 1);
    const to = at + random.below(30);
    const [before, middle, rest] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
    const instead = random.pick([
      Buffer.alloc(0),
      Buffer.concat([middle, middle]),
      Buffer.from(text(random, 30), 'latin1'),
    ]);
    bytes = Buffer.concat([before, instead, rest]);
  }
  return oneIn(random, 4) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

const methods = ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PRI', '\0'];
const targets = [
  '/',
  '/?Action=DescribeEvents',
  '/healthz',
  '/admin/status',
  '*',
  'http://x/',
  '//',
  '/%',
  `/${'a'.repeat(9_000)}`,
];
const headerLines = [
  'Host: x',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Expect: 100-continue',
  'Expect: tea',
  'Upgrade: websocket',
  'Connection: keep-alive, Upgrade',
  'Authorization: AWS4-HMAC-SHA256 Credential=',
  'Authorization: Basic YTpi',
  'X-Amz-Date: 20260101T000000Z',
  `X: ${'y'.repeat(20_000)}`,
  ': nothing',
  'no colon',
];

/** HTTP as somebody might type it who means no good. */
function crafted(random: Random): Buffer {
  const requests = Array.from({ length: 1 + random.below(4) }, () => {
    const version = random.pick(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', '']);
    const lines = Array.from({ length: random.below(6) }, () => random.pick(headerLines));
    const body = random.pick(['', 'a=1', '5\r\nhello\r\n0\r\n\r\n', 'zz\r\n', text(random, 200)]);
    return `${random.pick(methods)} ${random.pick(targets)} ${version}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
  });
  return Buffer.from(requests.join(''), 'latin1');
}

/** Parameters that are named like the API's, and like nothing. */
function parameters(random: Random): string {
  const names = [
    'Tags.Tag.1.Key',
    'Tags.member.0.Key',
    'CacheClusterId',
    'NumCacheNodes',
    'StartTime',
    'ShowCacheNodeInfo',
  ];
  const odd = ['__proto__', 'a.b.c.1.2.3', '.', '1', 'constructor.1', 'Tags.Tag.99999', text(random, 20)];
  const values = ['', 'x', '-1', '1e999', 'true', '2026-01-01', '\ud800', text(random, 300)];
  return Array.from({ length: random.below(8) }, () => {
    const name = random.pick(oneIn(random, 2) ? names : odd);
    const encode = (one: string) => (oneIn(random, 5) ? one : encodeURIComponent(one.toWellFormed()));
    return `&${encode(name)}=${encode(random.pick(values))}`;
  }).join('');
}

describe(`the front door under random requests (seed ${testSeed})`, () => {
  let open: OpenFrontDoor;
  let restMegabytes: number;
  before(async () => {
    const handlers = Object.fromEntries(actionNames.map((action) => [action, async () => ({})]));
    open = await openFrontDoor({
      actions: handlers as ActionHandlers,
      adminRoutes: { status: async () => ({}) },
    });
    restMegabytes = residentMegabytes(process.pid);
  });
  after(async () => {
    await open.close();
  });

  for (const [title, rounds, make] of [
    ['bytes', 100, async (random) => Buffer.from(text(random, 3_000), 'latin1')],
    ['signed requests that were damaged', 300, damaged],
    ['crafted requests', 300, async (random) => crafted(random)],
  ] as readonly (readonly [string, number, (random: Random, door: OpenFrontDoor) => Promise<Buffer>])[]) {
    it(`answers nothing above 499 to ${title}, and ends every connection`, async () => {
      const random = seeded(testSeed);
      for (let round = 0; round < rounds; round += 1) {
        const bytes = await make(random, open);
        const statuses = await statusesOf(open, bytes, random);
        assert.deepEqual(
          statuses.filter((status) => status > 499),
          [],
          `seed ${testSeed}: ${JSON.stringify(bytes.toString('latin1', 0, 400))}`,
        );
      }
    });
  }

  it('refuses odd parameters of signed requests, or takes them, and never fails of itself', async () => {
    const random = seeded(testSeed);
    for (let round = 0; round < 300; round += 1) {
      const body = `Action=${random.pick(actionNames)}${parameters(random)}`;
      const { status, text: answer } = await askSigned(open, { body: Buffer.from(body, 'latin1') });
      assert.ok(status === 200 || status === 400, `seed ${testSeed}: ${status} to ${body}\n${answer}`);
    }
  });

  it('is as it was: it serves, has complained of nothing, and takes no more memory', async () => {
    assert.equal((await askSigned(open, { body: 'Action=DescribeEvents' })).status, 200);
    assert.deepEqual(
      open.lines.filter(({ level }) => level === 'error'),
      [],
    );
    assert.equal(Reflect.get({}, 'Key'), undefined);
    const grown = residentMegabytes(process.pid) - restMegabytes;
    assert.ok(grown < 150, `${grown} MB more, this test's own among it`);
  });
});
