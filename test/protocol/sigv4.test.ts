import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import { ServiceError, type ServiceErrorCode } from '../../src/model/service-errors.ts';
import * as sigv4 from '../../src/protocol/sigv4/index.ts';
import { Sha256 } from './sha256.ts';

const credentials = { accessKeyId: 'LIMBERTEST0000000001', secretAccessKey: 'wJalr+XUtn/FEMI=K7MDENG' };
const signedAt = new Date('2026-11-20T18:00:00Z');
const body = 'Action=DescribeEvents&Version=2015-02-02';

type SignedRequest = sigv4.RequestHead & { readonly body: Uint8Array };

interface SignOptions {
  readonly service?: string;
  readonly path?: string;
  readonly query?: Record<string, string | string[]>;
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly body?: string;
  readonly sessionToken?: string;
  readonly applyChecksum?: boolean;
  readonly signedAt?: Date;
  readonly expiresIn?: number;
  readonly unsignableHeaders?: Set<string>;
}

function signer({ service = 'elasticache', sessionToken, applyChecksum = true }: SignOptions) {
  const keys = sessionToken === undefined ? credentials : { ...credentials, sessionToken };
  return new SignatureV4({ service, region: 'us-east-1', credentials: keys, sha256: Sha256, applyChecksum });
}

function unsigned(options: SignOptions) {
  return {
    method: options.method ?? 'POST',
    protocol: 'http:',
    hostname: 'localhost',
    port: 8379,
    path: options.path ?? '/',
    query: options.query ?? {},
    headers: { host: 'localhost:8379', ...options.headers },
  };
}

/** As the SDK's HTTP handler would put it on the wire. */
function onWire(signed: object, text: string): SignedRequest {
  const request = signed as unknown as ReturnType<typeof unsigned>;
  const pairs = Object.entries(request.query ?? {}).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, one] as const),
  );
  const query = pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
  return {
    method: request.method,
    target: query === '' ? request.path : `${request.path}?${query}`,
    rawHeaders: Object.entries(request.headers).flat(),
    body: Buffer.from(text),
  };
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
}

async function signHeader(options: SignOptions = {}): Promise<SignedRequest> {
  const text = options.body ?? body;
  const headers = { 'content-type': 'application/x-www-form-urlencoded', ...options.headers };
  const request = { ...unsigned({ ...options, headers }), body: text };
  const signed = await signer(options).sign(request, {
    signingDate: options.signedAt ?? signedAt,
    ...(options.unsignableHeaders && { unsignableHeaders: options.unsignableHeaders }),
  });
  return onWire(signed, text);
}

async function presign(options: SignOptions = {}): Promise<SignedRequest> {
  const request = unsigned({ method: 'GET', query: { Action: 'DescribeEvents' }, ...options });
  const signed = await signer(options).presign(request, {
    signingDate: options.signedAt ?? signedAt,
    expiresIn: options.expiresIn ?? 900,
  });
  return onWire(signed, '');
}

async function verify(request: SignedRequest, options: Partial<sigv4.VerifyOptions> = {}) {
  const known: sigv4.Credential = { secretAccessKey: credentials.secretAccessKey, account: '000000000001' };
  const claim = await sigv4.checkClaim(request, {
    lookUpCredential: async (id) => (id === credentials.accessKeyId ? known : null),
    services: ['elasticache'],
    now: signedAt.getTime(),
    ...options,
  });
  return sigv4.verifyBody(claim, request.body);
}

async function refused(checked: Promise<unknown>, code: ServiceErrorCode, message = /./): Promise<void> {
  await assert.rejects(checked, (error) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message);
    return true;
  });
}

function withHeader(request: SignedRequest, name: string, change: (value: string) => string): SignedRequest {
  const at = request.rawHeaders.findIndex((known, i) => i % 2 === 0 && known.toLowerCase() === name);
  assert.notEqual(at, -1, `no header ${name}`);
  return { ...request, rawHeaders: request.rawHeaders.with(at + 1, change(request.rawHeaders[at + 1]!)) };
}

function withTarget(request: SignedRequest, change: (target: string) => string): SignedRequest {
  const target = change(request.target);
  assert.notEqual(target, request.target);
  return { ...request, target };
}

const who = {
  accessKeyId: credentials.accessKeyId,
  account: '000000000001',
  region: 'us-east-1',
  service: 'elasticache',
};

describe('a signature in the Authorization header', () => {
  for (const [title, options] of [
    ['of a form post', {}],
    ['without a hash header', { applyChecksum: false }],
    ['without the content type, as the SDK for PHP signs', { unsignableHeaders: new Set(['content-type']) }],
    ['of an empty body', { body: '' }],
    [
      'with a query, in any order',
      { query: { b: '2', a: ['z', 'y', "é ~!*()'"], A: '', '+': '%', '': 'x' } },
    ],
    ['with a path', { path: '/admin/status' }],
    ['with a path that needs normalising', { path: '//a/./b/../c%20d/é/' }],
    ['with blanks in headers', { headers: { 'x-amz-note': '  a   b\t c ' } }],
    [
      'with unsigned headers that mean nothing',
      { headers: { 'user-agent': 'aws-cli/2', 'x-amzn-trace-id': 'Root=1' } },
    ],
  ] satisfies [string, SignOptions][]) {
    it(`${title} is accepted`, async () => {
      assert.deepEqual(await verify(await signHeader(options)), who);
    });
  }

  it('is accepted for another service when that is wanted', async () => {
    const request = await signHeader({ service: 'limber' });
    assert.equal((await verify(request, { services: ['elasticache', 'limber'] })).service, 'limber');
    await refused(
      verify(request),
      'SignatureDoesNotMatch',
      /scoped to the service 'elasticache', not 'limber'/,
    );
  });

  for (const date of ['Fri, 20 Nov 2026 18:00:00 GMT', '20261120T180000Z']) {
    it(`is accepted with a Date header in place of X-Amz-Date: ${date}`, async () => {
      const request = await signHeader({ unsignableHeaders: new Set(['x-amz-date']) });
      const at = request.rawHeaders.indexOf('x-amz-date');
      assert.deepEqual(
        await verify({ ...request, rawHeaders: request.rawHeaders.toSpliced(at, 2, 'Date', date) }),
        who,
      );
    });
  }

  it('is accepted within 15 minutes of either clock, and not beyond', async () => {
    const request = await signHeader();
    const at = (minutes: number) => verify(request, { now: signedAt.getTime() + minutes * 60_000 });
    await at(15);
    await at(-15);
    await refused(
      at(15.02),
      'RequestExpired',
      /Signature expired: it was made at 20261120T180000Z, and here it is 20261120T1815/,
    );
    await refused(at(-15.02), 'RequestExpired', /not yet current/);
  });

  it('is refused when there is none', async () => {
    const request = { method: 'POST', target: '/', rawHeaders: ['Host', 'x'], body: Buffer.from(body) };
    await refused(verify(request), 'MissingAuthenticationToken');
  });

  it('is refused for a key that is not known', async () => {
    await refused(verify(await signHeader(), { lookUpCredential: async () => null }), 'InvalidClientTokenId');
  });

  it('is refused for another secret', async () => {
    const lookUpCredential = async () => ({ secretAccessKey: 'other', account: '000000000001' });
    await refused(verify(await signHeader(), { lookUpCredential }), 'SignatureDoesNotMatch');
  });

  it('is refused for a body that is not the signed one, said or unsaid', async () => {
    for (const applyChecksum of [true, false]) {
      const request = await signHeader({ applyChecksum });
      await refused(verify({ ...request, body: Buffer.from(`${body}&Marker=x`) }), 'SignatureDoesNotMatch');
    }
  });

  it('is refused for a body that claims to be unsigned', async () => {
    const request = await signHeader({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
    await refused(verify(request), 'SignatureDoesNotMatch');
  });

  for (const [title, tamper] of [
    ['method', (r: SignedRequest) => ({ ...r, method: 'GET' })],
    ['path', (r: SignedRequest) => withTarget(r, (t) => `/x${t}`)],
    ['query', (r: SignedRequest) => withTarget(r, (t) => t.replace('a=1', 'a=2'))],
    ['query by one more parameter', (r: SignedRequest) => withTarget(r, (t) => `${t}&b=1`)],
    ['host', (r: SignedRequest) => withHeader(r, 'host', () => 'elsewhere')],
    ['content type', (r: SignedRequest) => withHeader(r, 'content-type', () => 'text/plain')],
    ['time', (r: SignedRequest) => withHeader(r, 'x-amz-date', () => '20261120T180001Z')],
    [
      'region',
      (r: SignedRequest) => withHeader(r, 'authorization', (v) => v.replace('us-east-1', 'us-west-2')),
    ],
    [
      'date of the scope',
      (r: SignedRequest) => withHeader(r, 'authorization', (v) => v.replace('/20261120/', '/20261119/')),
    ],
    [
      'service',
      (r: SignedRequest) => withHeader(r, 'authorization', (v) => v.replace('/elasticache/', '/iam/')),
    ],
    [
      'signature',
      (r: SignedRequest) =>
        withHeader(r, 'authorization', (v) => v.replace(/.$/, (c) => (c === '0' ? '1' : '0'))),
    ],
    [
      'list of signed headers: no host',
      (r: SignedRequest) => withHeader(r, 'authorization', (v) => v.replace(';host', '')),
    ],
    [
      'list of signed headers: no content type',
      (r: SignedRequest) => withHeader(r, 'authorization', (v) => v.replace('content-type;', '')),
    ],
    [
      'list of signed headers: no x-amz-date',
      (r: SignedRequest) => withHeader(r, 'authorization', (v) => v.replace(';x-amz-date', '')),
    ],
    [
      'headers by an x-amz one',
      (r: SignedRequest) => ({ ...r, rawHeaders: [...r.rawHeaders, 'X-Amz-Extra', '1'] }),
    ],
    [
      'headers by a second host',
      (r: SignedRequest) => ({ ...r, rawHeaders: [...r.rawHeaders, 'Host', 'elsewhere'] }),
    ],
  ] as const) {
    it(`is refused for another ${title}`, async () => {
      const request = await signHeader({ query: { a: '1' } });
      await verify(request);
      await refused(verify(tamper(request)), 'SignatureDoesNotMatch');
    });
  }

  for (const [title, change] of [
    ['of another algorithm', (v: string) => v.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')],
    ['of a basic login', () => 'Basic YTpi'],
    ['that is only the algorithm', () => 'AWS4-HMAC-SHA256'],
    ['without a credential', (v: string) => v.replace('Credential=', 'Key=')],
    ['without signed headers', (v: string) => v.replace('SignedHeaders=', 'Headers=')],
    ['without a signature', (v: string) => v.replace(/, Signature=.*/, '')],
    ['with a short signature', (v: string) => v.slice(0, -1)],
    [
      'with a signature in upper case',
      (v: string) => v.replace(/Signature=.*/, `Signature=${'A'.repeat(64)}`),
    ],
    [
      'with two credentials',
      (v: string) =>
        v.replace('Credential=', 'Credential=a/20261120/us-east-1/elasticache/aws4_request, Credential='),
    ],
    ['with a scope that lacks a part', (v: string) => v.replace('/us-east-1/', '/')],
    ['with a scope that has a part too many', (v: string) => v.replace('/us-east-1/', '/us-east-1/x/')],
    ['with another terminator', (v: string) => v.replace('aws4_request', 'aws5_request')],
    ['with a date that is none', (v: string) => v.replace('20261120', '2026-11-20')],
    ['with a signed header twice', (v: string) => v.replace('SignedHeaders=', 'SignedHeaders=host;')],
    ['with signed headers in upper case', (v: string) => v.replace(';host', ';Host')],
  ] as const) {
    it(`${title} is malformed`, async () => {
      await refused(verify(withHeader(await signHeader(), 'authorization', change)), 'IncompleteSignature');
    });
  }

  it('is malformed without a time, with one that is none, or given twice', async () => {
    const request = await signHeader();
    const at = request.rawHeaders.indexOf('x-amz-date');
    await refused(
      verify({ ...request, rawHeaders: request.rawHeaders.toSpliced(at, 2) }),
      'IncompleteSignature',
      /X-Amz-Date/,
    );
    await refused(verify(withHeader(request, 'x-amz-date', () => 'now')), 'IncompleteSignature');
    await refused(
      verify(withHeader(request, 'x-amz-date', () => '20261399T180000Z')),
      'SignatureDoesNotMatch',
    );
    const twice = [...request.rawHeaders, 'X-Amz-Date', '20261120T180000Z'];
    await refused(
      verify({ ...request, rawHeaders: twice }),
      'IncompleteSignature',
      /more than one x-amz-date/,
    );
  });

  it('is refused when the request is presigned as well', async () => {
    const request = await signHeader({ query: { 'X-Amz-Signature': 'a'.repeat(64) } });
    await refused(verify(request), 'IncompleteSignature', /signed twice/);
  });
});

describe('a session token', () => {
  const temporary = async () => ({
    secretAccessKey: credentials.secretAccessKey,
    account: '000000000001',
    sessionToken: 'token/+=',
  });

  it('is accepted with the temporary key that it belongs to', async () => {
    const options = { sessionToken: 'token/+=' };
    await verify(await signHeader(options), { lookUpCredential: temporary });
    await verify(await presign(options), { lookUpCredential: temporary });
  });

  it('is refused when it is another, when it lacks, and with a permanent key', async () => {
    await refused(
      verify(await signHeader({ sessionToken: 'other' }), { lookUpCredential: temporary }),
      'InvalidClientTokenId',
    );
    await refused(verify(await signHeader(), { lookUpCredential: temporary }), 'InvalidClientTokenId');
    await refused(verify(await signHeader({ sessionToken: 'token' })), 'InvalidClientTokenId');
  });
});

describe('a presigned request', () => {
  it('is accepted until it expires, and not beyond', async () => {
    const request = await presign({ expiresIn: 3600 });
    const at = (seconds: number) => verify(request, { now: signedAt.getTime() + seconds * 1000 });
    assert.deepEqual(await at(0), who);
    await at(3600);
    await at(-900);
    await refused(at(3601), 'RequestExpired');
    await refused(at(-901), 'RequestExpired', /not yet current/);
  });

  it('is accepted for seven days at most', async () => {
    const request = await presign({ expiresIn: 604_800 });
    await verify(request, { now: signedAt.getTime() + 604_800_000 });
    for (const expires of ['604801', '0', '-1', '1e3', '']) {
      const changed = withTarget(request, (t) =>
        t.replace('X-Amz-Expires=604800', `X-Amz-Expires=${expires}`),
      );
      await refused(verify(changed), 'IncompleteSignature', /X-Amz-Expires/);
    }
  });

  it('covers a body when it has one', async () => {
    const text = 'Marker=a';
    const signed = await signer({}).presign(
      { ...unsigned({ method: 'POST' }), body: text },
      { signingDate: signedAt, expiresIn: 900 },
    );
    const request = onWire(signed, text);
    await verify(request);
    await refused(verify({ ...request, body: Buffer.from('Marker=b') }), 'SignatureDoesNotMatch');
  });

  for (const [title, change] of [
    ['action', (t: string) => t.replace('DescribeEvents', 'DescribeUsers')],
    ['expiry', (t: string) => t.replace('X-Amz-Expires=900', 'X-Amz-Expires=901')],
    ['time', (t: string) => t.replace('T180000Z', 'T180001Z')],
    ['region', (t: string) => t.replace('us-east-1', 'us-west-2')],
    ['service', (t: string) => t.replace('elasticache', 'iam')],
    [
      'list of signed headers',
      (t: string) => t.replace('X-Amz-SignedHeaders=host', 'X-Amz-SignedHeaders=date'),
    ],
    ['set of parameters', (t: string) => `${t}&Marker=x`],
    ['signature', (t: string) => t.replace(/X-Amz-Signature=[0-9a-f]{4}/, 'X-Amz-Signature=0000')],
  ] as const) {
    it(`is refused for another ${title}`, async () => {
      await refused(verify(withTarget(await presign(), change)), 'SignatureDoesNotMatch');
    });
  }

  for (const name of ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders']) {
    it(`is malformed without X-Amz-${name}, or with two`, async () => {
      const request = await presign();
      const pattern = new RegExp(`X-Amz-${name}=[^&]*`);
      await refused(verify(withTarget(request, (t) => t.replace(pattern, 'x=1'))), 'IncompleteSignature');
      await refused(
        verify(withTarget(request, (t) => `${t}&${pattern.exec(t)![0]}`)),
        'IncompleteSignature',
        /more than one/,
      );
    });
  }
});
