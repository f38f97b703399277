import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { describe, it } from 'node:test';
import { DescribeEventsCommand } from '@aws-sdk/client-elasticache';
import { ServiceError } from '../../src/model/service-errors.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { describeEvents, gate, openEcho } from './echo-door.ts';
import { ask, askSigned, errorOf, openSocket, signedHeaders } from './raw-http.ts';

describe('a Query request', () => {
  it('is answered over POST, with its request id in a header too', async (t) => {
    const { open } = await openEcho(t);
    const answer = await askSigned(open, { body: `${describeEvents}&Marker=a%26b` });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'text/xml');
    assert.match(answer.text, /^<DescribeEventsResponse .*<Marker>a&amp;b<\/Marker>/);
    assert.equal(/<RequestId>(.*)<\/RequestId>/.exec(answer.text)?.[1], answer.headers['x-amzn-requestid']);
  });

  it('is answered over GET', async (t) => {
    const { open } = await openEcho(t);
    const answer = await askSigned(open, { method: 'GET', path: `/?${describeEvents}&Marker=m` });
    assert.match(answer.text, /<Marker>m<\/Marker>/);
  });

  it('may leave out the version', async (t) => {
    const { open } = await openEcho(t);
    assert.equal((await askSigned(open, { body: 'Action=DescribeEvents' })).status, 200);
  });

  for (const [title, body, code, message] of [
    ['without an action', 'Version=2015-02-02', 'MissingAction', /Action/],
    [
      'for an unknown action',
      'Action=MakeTea&Version=2015-02-02',
      'InvalidAction',
      'Could not find operation MakeTea for version 2015-02-02',
    ],
    [
      'for an action named like an object’s property',
      'Action=constructor',
      'InvalidAction',
      'Could not find operation constructor for version 2015-02-02',
    ],
    [
      'for another version',
      'Action=DescribeEvents&Version=2010-01-01',
      'InvalidAction',
      'Could not find operation DescribeEvents for version 2010-01-01',
    ],
    [
      'for an action that is not built',
      'Action=DescribeUsers',
      'InvalidAction',
      'Limber does not have DescribeUsers yet.',
    ],
    [
      'with two actions',
      `${describeEvents}&Action=DescribeUsers`,
      'InvalidParameterValue',
      /Action is given more than once/,
    ],
    [
      'with bad percent-encoding',
      `${describeEvents}&Marker=%E0%A4%A`,
      'MalformedQueryString',
      /percent-encoding/,
    ],
    [
      'with bytes that are not UTF-8',
      Buffer.from(`${describeEvents}&Marker=\xff`, 'latin1'),
      'MalformedQueryString',
      /UTF-8/,
    ],
    [
      'with 100,000 parameters',
      describeEvents + '&a=1'.repeat(100_000),
      'MalformedQueryString',
      /10000 parameters/,
    ],
    [
      'with a huge index',
      'Action=DescribeEvents&Tags.Tag.999999999=1',
      'InvalidParameterValue',
      'DescribeEvents has no parameter Tags.',
    ],
  ] as const) {
    it(`${title} is refused`, async (t) => {
      const { open, calls } = await openEcho(t);
      const answer = await askSigned(open, { body });
      assert.equal(answer.status, 400);
      const error = errorOf(answer);
      assert.equal(error.code, code);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message ?? '', message);
      assert.equal(calls.length, 0);
    });
  }

  it('of another content type is refused', async (t) => {
    const { open } = await openEcho(t);
    const answer = await askSigned(open, {
      body: describeEvents,
      headers: { 'content-type': 'application/json' },
    });
    assert.deepEqual([answer.status, errorOf(answer).code], [400, 'MalformedQueryString']);
  });

  it('with a parameter in both query and body is refused', async (t) => {
    const { open } = await openEcho(t);
    const answer = await askSigned(open, { path: '/?Marker=a', body: `${describeEvents}&Marker=b` });
    assert.match(errorOf(answer).message ?? '', /Marker is given more than once/);
  });
});

describe('an unsigned or wrongly signed request', () => {
  for (const body of [describeEvents, 'Action=MakeTea', '', '%%%']) {
    it(`learns nothing about what it asks, and nothing runs: "${body}"`, async (t) => {
      const { open, calls } = await openEcho(t);
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const unsigned = await ask(open, { body, headers });
      assert.deepEqual([unsigned.status, errorOf(unsigned).code], [403, 'MissingAuthenticationToken']);
      const signed = await signedHeaders(open, { body: 'Action=Other' });
      const other = await ask(open, { body, headers: signed });
      assert.deepEqual([other.status, errorOf(other).code], [403, 'SignatureDoesNotMatch']);
      assert.equal(calls.length, 0);
    });
  }

  it('from a browser’s form on another page changes nothing and cannot be read', async (t) => {
    const { open, calls } = await openEcho(t);
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://evil.example' };
    const answer = await ask(open, { body: describeEvents, headers });
    assert.equal(answer.status, 403);
    const preflight = await ask(open, {
      method: 'OPTIONS',
      headers: { ...headers, 'access-control-request-method': 'POST' },
    });
    assert.equal(preflight.status, 405);
    for (const { headers: sent } of [answer, preflight]) {
      assert.deepEqual(
        Object.keys(sent).filter((name) => name.startsWith('access-control')),
        [],
      );
    }
    assert.equal(calls.length, 0);
  });

  it('of an SDK with wrong keys is refused', async (t) => {
    const { open } = await openEcho(t);
    const send = (credentials: object) => open.client({ credentials }).send(new DescribeEventsCommand({}));
    await assert.rejects(send({ accessKeyId: 'AKIAOTHER', secretAccessKey: 'x' }), {
      name: 'InvalidClientTokenId',
    });
    await assert.rejects(send({ accessKeyId: 'LIMBERTEST0000000001', secretAccessKey: 'x' }), {
      name: 'SignatureDoesNotMatch',
    });
  });

  it('is told that credentials cannot be looked up, when that is so', async (t) => {
    const { open } = await openEcho(t, {
      lookUpCredential: async () => {
        throw new ServiceError('ServiceUnavailable', 'The store does not answer.');
      },
    });
    const answer = await askSigned(open, { body: describeEvents });
    assert.deepEqual([answer.status, errorOf(answer).code], [503, 'ServiceUnavailable']);
  });
});

describe('paths and methods', () => {
  it('that do not exist answer 404 and 405', async (t) => {
    const { open } = await openEcho(t, { adminRoutes: { status: async () => ({}) } });
    for (const path of ['/x', '/healthz/', '/admin/', '/admin/../healthz', '//', '/admin/Status']) {
      const answer = await ask(open, { path });
      assert.deepEqual([answer.status, errorOf(answer).code], [404, 'UnknownOperationException'], path);
    }
    for (const [method, path, allow] of [
      ['PUT', '/', 'GET, POST'],
      ['DELETE', '/healthz', 'GET, HEAD'],
      ['GET', '/admin/status', 'POST'],
    ] as const) {
      const answer = await ask(open, { method, path });
      assert.deepEqual(
        [answer.status, answer.headers.allow, errorOf(answer).code],
        [405, allow, 'MethodNotAllowed'],
      );
    }
  });

  it('of health answer who serves, without a signature', async (t) => {
    const { open } = await openEcho(t, { health: () => ({ version: '1.2.3', pid: 0 }) });
    const answer = await ask(open, { method: 'GET', path: '/healthz' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(answer.text), { version: '1.2.3', pid: process.pid });
  });
});

describe('the admin API', () => {
  const routes = {
    echo: async (body: unknown, { account, region }: { account: string; region: string }) => ({
      body,
      account,
      region,
    }),
    fail: async () => {
      throw new Error('secret');
    },
    quiet: async () => undefined,
  };
  const json = { 'content-type': 'application/json' };

  it('takes and gives JSON, signed for the service limber', async (t) => {
    const { open } = await openEcho(t, { adminRoutes: routes });
    const answer = await askSigned(open, { path: '/admin/echo', body: '{"a":[1]}', headers: json }, 'limber');
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.text), {
      body: { a: [1] },
      account: '000000000001',
      region: 'us-east-1',
    });
    assert.equal((await askSigned(open, { path: '/admin/quiet' }, 'limber')).text, '{}');
  });

  it('does not take a signature for ElastiCache, nor the API one for limber', async (t) => {
    const { open, calls } = await openEcho(t, { adminRoutes: routes });
    const admin = await askSigned(open, { path: '/admin/echo', body: '{}', headers: json }, 'elasticache');
    assert.equal(JSON.parse(admin.text).error.code, 'SignatureDoesNotMatch');
    const api = await askSigned(open, { body: describeEvents }, 'limber');
    assert.equal(errorOf(api).code, 'SignatureDoesNotMatch');
    assert.equal(calls.length, 0);
  });

  it('answers errors as JSON with the request id', async (t) => {
    const { open } = await openEcho(t, { adminRoutes: routes });
    const at = async (path: string, body = '{}') => {
      const { status, text, headers } = await askSigned(open, { path, body, headers: json }, 'limber');
      const answer = JSON.parse(text);
      assert.equal(answer.requestId, headers['x-amzn-requestid']);
      assert.doesNotMatch(text, /secret/);
      return [status, answer.error.code];
    };
    assert.deepEqual(await at('/admin/unknown'), [404, 'UnknownOperationException']);
    assert.deepEqual(await at('/admin/constructor'), [404, 'UnknownOperationException']);
    assert.deepEqual(await at('/admin/echo', '{'), [400, 'ValidationError']);
    assert.deepEqual(await at('/admin/fail'), [500, 'InternalFailure']);
    assert.equal((await ask(open, { path: '/admin/unknown' })).status, 403);
  });
});

describe('closing', () => {
  it('ends idle connections at once', async (t) => {
    // Grace is long, so that ending in time means that nothing was waited for.
    const { open } = await openEcho(t, { limits: { closeGraceMs: 60_000 } });
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const [response] = await once(get(`${open.url}/healthz`, { agent }), 'response');
    response.resume();
    await once(response, 'end');
    const silent = await openSocket(open);
    const halfway = await openSocket(open);
    halfway.write('POST / HTTP/1.1\r\nHost: x\r\n');
    const startedAt = performance.now();
    await open.door.close();
    assert.ok(performance.now() - startedAt < 10_000);
    silent.destroy();
    halfway.destroy();
  });

  it('lets a running request finish, and tells its client not to come back on that connection', async (t) => {
    const held = gate();
    const { open } = await openEcho(t, { actions: { DescribeEvents: held.handler } });
    const answer = askSigned(open, { body: describeEvents });
    await held.entered;
    const closed = open.door.close();
    held.release();
    assert.equal((await answer).status, 200);
    assert.equal((await answer).headers.connection, 'close');
    await closed;
  });

  it('asks a request that waits to answer with what is known', async (t) => {
    const entered = Promise.withResolvers<void>();
    const { open } = await openEcho(t, {
      actions: {
        DescribeEvents: async (_input, { signal }) => {
          entered.resolve();
          await once(signal, 'abort');
          return { Marker: 'so far' };
        },
      },
    });
    const answer = askSigned(open, { body: describeEvents });
    await entered.promise;
    await open.door.close();
    assert.match((await answer).text, /so far/);
  });

  it('takes less than a second even when a request never ends, and may be asked twice', async (t) => {
    const held = gate();
    const { open } = await openEcho(t, { actions: { DescribeEvents: held.handler } });
    const answer = assert.rejects(askSigned(open, { body: describeEvents }), { code: 'ECONNRESET' });
    await held.entered;
    const startedAt = performance.now();
    await Promise.all([open.door.close(), open.door.close()]);
    assert.ok(performance.now() - startedAt < 1000);
    await answer;
    held.release();
  });
});

describe('opening', () => {
  it('fails with the reason when the address is taken', async (t) => {
    const { open } = await openEcho(t);
    const { createFrontDoor } = await import('../../src/http/front-door.ts');
    const door = createFrontDoor({
      actions: {},
      lookUpCredential: async () => null,
      clock: systemClock,
      newRequestId: () => '',
      log: { debug() {}, info() {}, warn() {}, error() {} },
      health: () => ({}),
    });
    await assert.rejects(door.listen(open.host, open.port), { code: 'EADDRINUSE' });
    await door.close();
  });
});
