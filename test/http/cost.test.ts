import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { describeEvents, gate, openEcho } from './echo-door.ts';
import {
  ask,
  askSigned,
  claimingHead,
  errorOf,
  headOf,
  openSocket,
  readToEnd,
  signedHeaders,
} from './raw-http.ts';

describe('what a client may cost', () => {
  it('a body of 1 MiB is read, one byte more is refused with 413 however it is sent', async (t) => {
    const { open } = await openEcho(t);
    const fill = (size: number) => `${describeEvents}&Marker=`.padEnd(size, 'a');
    assert.equal((await askSigned(open, { body: fill(1024 * 1024) })).status, 200);
    const large = await askSigned(open, { body: fill(1024 * 1024 + 1) });
    assert.deepEqual([large.status, errorOf(large).code], [413, 'RequestEntityTooLarge']);
    const headers = { 'transfer-encoding': 'chunked' };
    const chunked = await askSigned(open, { body: fill(3_000_000), headers });
    assert.equal(chunked.status, 413);
  });

  it('a body that says it is too large is refused before it is sent, when the client asks', async (t) => {
    const { open } = await openEcho(t);
    const socket = await openSocket(open);
    socket.write(await claimingHead(open, { expect: '100-continue', 'content-length': 999_999_999 }));
    assert.match(await readToEnd(socket), /^HTTP\/1.1 413 /);
  });

  it('a client that asks first is told to go on', async (t) => {
    const { open } = await openEcho(t);
    const headers = await signedHeaders(open, { body: describeEvents });
    const socket = await openSocket(open);
    socket.write(
      headOf({
        ...headers,
        expect: '100-continue',
        'content-length': describeEvents.length,
        connection: 'close',
      }),
    );
    const [first] = await once(socket, 'data');
    assert.match(String(first), /^HTTP\/1.1 100 Continue/);
    socket.write(describeEvents);
    assert.match(await readToEnd(socket), /^HTTP\/1.1 200 /);
  });

  for (const [title, authorization, status, code] of [
    ['without a signature', undefined, 403, 'MissingAuthenticationToken'],
    ['with a malformed one', 'AWS4-HMAC-SHA256 Credential=a', 400, 'IncompleteSignature'],
    ['by an unknown key', /LIMBERTEST\d+/, 403, 'InvalidClientTokenId'],
    ['for another service', /elasticache/, 403, 'SignatureDoesNotMatch'],
  ] as const) {
    it(`a request ${title} is refused before its body is read, or sent`, async (t) => {
      const { open } = await openEcho(t);
      const { authorization: good = '', ...others } = await signedHeaders(open, { body: describeEvents });
      const wrong = authorization instanceof RegExp ? good.replace(authorization, 'other') : authorization;
      const headers = { ...others, ...(wrong === undefined ? {} : { authorization: wrong }) };
      for (const more of [{}, { expect: '100-continue' }]) {
        const socket = await openSocket(open);
        const answer = readToEnd(socket);
        socket.write(headOf({ ...headers, ...more, 'content-length': 1_000_000 }));
        const [first] = await once(socket, 'data');
        assert.ok(String(first).startsWith(`HTTP/1.1 ${status} `), String(first));
        assert.equal(/<Code>(.*)<\/Code>/.exec(await answer)?.[1], code);
      }
    });
  }

  it('bodies under way share a bounded memory: the largest is given up, and small ones pass', async (t) => {
    const { open } = await openEcho(t, { limits: { bodiesBytesMax: 300_000 } });
    const sockets = await Promise.all([1, 2, 3].map(() => openSocket(open)));
    const answers = sockets.map(readToEnd);
    const head = await claimingHead(open, { 'content-length': 1_000_000 });
    for (const [index, size] of [30_000, 40_000, 290_000].entries())
      sockets[index]!.write(head + 'a'.repeat(size));
    assert.match(await answers[2]!, /^HTTP\/1.1 503 [\s\S]*Too much is being sent at once/);
    assert.deepEqual(
      sockets.map((socket) => socket.destroyed),
      [false, false, true],
    );
    assert.equal((await askSigned(open, { body: describeEvents })).status, 200);
    for (const socket of sockets) socket.destroy();
  });

  it('one connection too many ends the stranger who has been there longest, not who has signed', async (t) => {
    const { open } = await openEcho(t, { limits: { connectionsMax: 4 } });
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const signed = await signedHeaders(open, { body: describeEvents });
    assert.equal((await ask(open, { body: describeEvents, headers: signed, agent })).status, 200);
    const strangers: Socket[] = [];
    for (let index = 0; index < 10; index += 1) {
      const socket = await openSocket(open);
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nX-');
      strangers.push(socket);
    }
    await t.waitFor(() => assert.equal(strangers.filter((socket) => socket.destroyed).length, 7), {
      interval: 5,
      timeout: 5000,
    });
    assert.deepEqual(
      strangers.map((socket) => socket.destroyed),
      [true, true, true, true, true, true, true, false, false, false],
    );
    assert.equal((await ask(open, { body: describeEvents, headers: signed, agent })).status, 200);
    assert.equal(Object.values(agent.freeSockets).flat().length, 1);
    assert.equal((await askSigned(open, { body: describeEvents })).status, 200);
    for (const socket of strangers) socket.destroy();
  });

  it('while every connection is at work a newcomer is turned away', async (t) => {
    const held = gate();
    const limits = { connectionsMax: 2 };
    const { open } = await openEcho(t, { actions: { DescribeEvents: held.handler }, limits });
    const running = [askSigned(open, { body: describeEvents }), askSigned(open, { body: describeEvents })];
    await t.waitFor(() => assert.equal(held.inside(), 2), { interval: 5, timeout: 5000 });
    await assert.rejects(askSigned(open, { body: describeEvents }), { code: 'ECONNRESET' });
    held.release();
    for (const { status } of await Promise.all(running)) assert.equal(status, 200);
  });

  it('headers of more than 16 KiB are refused with 431', async (t) => {
    const { open } = await openEcho(t);
    const answer = await ask(open, { headers: { 'x-large': 'a'.repeat(17_000) } });
    assert.equal(answer.status, 431);
  });

  it('what is not HTTP is refused with 400', async (t) => {
    const { open } = await openEcho(t);
    for (const text of [
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'SET a b\r\n',
      'POST / HTTP/1.1\r\n\r\n',
    ]) {
      const socket = await openSocket(open);
      socket.write(Buffer.from(text, 'latin1'));
      assert.match(await readToEnd(socket), /^HTTP\/1.1 400 /);
    }
  });

  it('headers and bodies that come too slowly are cut off', async (t) => {
    const { open } = await openEcho(t, { limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
    const claiming = await claimingHead(open, { 'content-length': 10 });
    for (const text of ['', 'POST / HTTP/1.1\r\nHost: x\r\nX-', `${claiming}a`]) {
      const socket = await openSocket(open);
      socket.write(text);
      assert.match(await readToEnd(socket), /^HTTP\/1.1 408 /);
    }
  });

  it('more requests at once than allowed answer 503, and health answers all the same', async (t) => {
    const held = gate();
    const { open } = await openEcho(t, {
      actions: { DescribeEvents: held.handler },
      limits: { concurrentRequestsMax: 2 },
    });
    const running = [askSigned(open, { body: describeEvents }), askSigned(open, { body: describeEvents })];
    await t.waitFor(() => assert.equal(held.inside(), 2), { interval: 5, timeout: 5000 });
    const refused = await askSigned(open, { body: describeEvents });
    assert.deepEqual(
      [refused.status, errorOf(refused).code, refused.headers['retry-after']],
      [503, 'ServiceUnavailable', '1'],
    );
    assert.equal((await ask(open, { method: 'GET', path: '/healthz' })).status, 200);
    held.release();
    assert.deepEqual(
      (await Promise.all(running)).map(({ status }) => status),
      [200, 200],
    );
    assert.equal((await askSigned(open, { body: describeEvents })).status, 200);
  });

  it('a client that goes away keeps its place until its work is done', async (t) => {
    const held = gate();
    const { open } = await openEcho(t, {
      actions: { DescribeEvents: held.handler },
      limits: { concurrentRequestsMax: 1 },
    });
    const headers = await signedHeaders(open, { body: describeEvents });
    const socket = await openSocket(open);
    socket.write(headOf({ ...headers, 'content-length': describeEvents.length }) + describeEvents);
    await held.entered;
    socket.destroy();
    assert.equal((await askSigned(open, { body: describeEvents })).status, 503);
    held.release();
    await t.waitFor(async () => assert.equal((await askSigned(open, { body: describeEvents })).status, 200), {
      interval: 5,
      timeout: 5000,
    });
  });

  it('a hundred hostile requests leave the server well', async (t) => {
    const { open } = await openEcho(t);
    const hostile = [
      { body: `${'a.'.repeat(100_000)}b=1` },
      { body: 'Action=CreateReplicationGroup&__proto__.polluted=1&constructor.prototype.polluted=1' },
      { body: `Action=${'A'.repeat(500_000)}` },
      { body: `Action=DescribeEvents&${'%26'.repeat(100_000)}=1` },
      { path: `/?${'a'.repeat(8000)}`, body: '' },
    ];
    for (let i = 0; i < 100; i += 1) {
      const { status, text } = await askSigned(open, hostile[i % hostile.length]!);
      assert.equal(status, 400);
      assert.ok(text.length < 1000);
    }
    assert.equal(Reflect.get({}, 'polluted'), undefined);
    assert.equal((await askSigned(open, { body: describeEvents })).status, 200);
    assert.deepEqual(
      open.lines.filter(({ level }) => level === 'error'),
      [],
    );
  });
});
