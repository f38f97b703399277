import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { connect, createServer, rootCertificates, type TLSSocket } from 'node:tls';
import { systemIds } from '../../src/platform/ids.ts';
import {
  authorityPath,
  loadOrCreateAuthority,
  readAuthority,
  replaceAuthority,
  trustPath,
} from '../../src/security/certificates/authority-file.ts';
import { createCertificates, issueLinkCertificate } from '../../src/security/certificates/certificates.ts';
import { signCertificate } from '../../src/security/certificates/sign.ts';
import { temporaryDirectory } from '../store/stores.ts';

const dayMs = 86_400_000;
const names = {
  commonName: 'orders-001',
  dnsNames: ['*.orders.ab12cd.use1.cache.internal', 'redis.example.com'],
  addresses: ['127.0.0.1', '127.77.0.5'],
};

/** An authority as an operator brings it: a root, and one between it and the certificates. */
async function companyAuthority(now = Date.now(), validMs = 1_000 * dayMs) {
  const make = () => generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const [root, between] = [make(), make()];
  const times = { notBefore: now - dayMs, notAfter: now + validMs, usage: 'authority' } as const;
  const rootPem = await signCertificate(
    { commonName: 'Company root', publicKey: root.publicKey, ...times },
    { certificate: null, key: root.privateKey },
  );
  const betweenPem = await signCertificate(
    { commonName: 'Company caches', publicKey: between.publicKey, ...times },
    { certificate: rootPem, key: root.privateKey },
  );
  const key = between.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { root: rootPem, between: betweenPem, chain: betweenPem + rootPem, key };
}

describe('certificates', () => {
  let now: number;
  const clock = { now: () => now };
  const inDirectory = (dataDirectory: string) => createCertificates({ dataDirectory, clock, ids: systemIds });
  before(() => {
    now = Date.now();
  });

  it('let a client that trusts the authority connect by each name and address, and by no other', async (t) => {
    const certificates = inDirectory(temporaryDirectory(t));
    const { certificate, key } = await certificates.issue(names);
    const server = createServer({ cert: certificate, key }, (socket) => socket.end()).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const ca = await certificates.trusted();
    const outcome = (servername: string, trusted: string | string[]) =>
      new Promise<string>((resolve) => {
        const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername, ca: trusted }, () => {
          resolve('connected');
          socket.destroy();
        });
        socket.once('error', ({ code, message }: NodeJS.ErrnoException) => resolve(code ?? message));
      });
    assert.equal(await outcome('master.orders.ab12cd.use1.cache.internal', ca), 'connected');
    assert.equal(await outcome('redis.example.com', ca), 'connected');
    assert.equal(await outcome('', ca), 'connected'); // by its address
    assert.equal(await outcome('payments.example.com', ca), 'ERR_TLS_CERT_ALTNAME_INVALID');
    assert.match(await outcome('redis.example.com', [...rootCertificates]), /^(UNABLE|SELF_SIGNED)/);
  });

  it('come from one authority, whoever asks first, whose key nobody else may read', async (t) => {
    const directory = temporaryDirectory(t);
    const made = await Promise.all(
      Array.from({ length: 4 }, () => loadOrCreateAuthority(directory, now, systemIds)),
    );
    assert.equal(new Set(made.map(({ key }) => key)).size, 1);
    await chmod(authorityPath(directory), 0o644);
    await loadOrCreateAuthority(directory, now, systemIds);
    assert.equal((await stat(authorityPath(directory))).mode & 0o777, 0o600);
    assert.equal(await readFile(trustPath(directory), 'utf8'), made[0]!.chain);
    assert.deepEqual((await readdir(directory)).sort(), ['authority.json', 'ca.pem']);
    assert.ok(new X509Certificate(made[0]!.chain).ca);
  });

  it('are replaced a month before they expire, for other names, and when a clock had jumped ahead', async (t) => {
    const certificates = inDirectory(temporaryDirectory(t));
    const issuedAt = now;
    const { certificate } = await certificates.issue(names);
    const after = async (days: number) => {
      now = issuedAt + days * dayMs;
      return await certificates.whyReplace(certificate, names);
    };
    assert.equal(await after(0), null);
    assert.equal(await after(59), null);
    assert.match((await after(61))!, /^it expires /);
    assert.match((await after(1_000))!, /^it expires /);
    assert.match((await after(-30))!, /^it is not valid before /);
    now = issuedAt;
    assert.match(
      (await certificates.whyReplace(certificate, { ...names, addresses: ['127.0.0.1'] }))!,
      /names or addresses/,
    );
    assert.match((await certificates.whyReplace('nothing of the kind', names))!, /cannot be read/);
  });

  it('can come from an authority of the operator, and the former one stays trusted', async (t) => {
    const directory = temporaryDirectory(t);
    const certificates = inDirectory(directory);
    const { certificate } = await certificates.issue(names);
    const former = await certificates.trusted();
    const company = await companyAuthority();
    await replaceAuthority(directory, company, now);
    assert.match((await certificates.whyReplace(certificate, names))!, /another authority/);
    const next = await certificates.issue(names);
    assert.equal(await certificates.whyReplace(next.certificate, names), null);
    const [leaf, between, more] = next.certificate.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)!;
    assert.ok(new X509Certificate(leaf!).verify(new X509Certificate(company.between).publicKey));
    assert.equal(`${between}\n`, company.between);
    assert.equal(more, undefined, 'clients have the root');
    assert.equal(await certificates.trusted(), company.chain + former);
    assert.equal(await readFile(trustPath(directory), 'utf8'), company.chain + former);
  });

  it('are not taken from what cannot sign them', async (t) => {
    const directory = temporaryDirectory(t);
    const [company, other] = [await companyAuthority(), await companyAuthority()];
    const { certificate, key } = await inDirectory(directory).issue(names);
    const present = await readAuthority(directory);
    const refusals: readonly (readonly [string, string, RegExp])[] = [
      [certificate, key, /not an authority/],
      [company.chain, other.key, /key does not belong/],
      [company.between, company.key, /signed by another authority/],
      ['', company.key, /no certificate/],
      [company.chain, 'nothing', /without a passphrase/],
    ];
    for (const [chain, wrongKey, why] of refusals)
      await assert.rejects(replaceAuthority(directory, { chain, key: wrongKey }, now), why);
    const old = await companyAuthority(now, -1_000);
    await assert.rejects(replaceAuthority(directory, old, now), /has expired/);
    assert.deepEqual(await readAuthority(directory), present);
  });

  it('say what to do when the authority has expired or is damaged', async (t) => {
    const directory = temporaryDirectory(t);
    const certificates = inDirectory(directory);
    await replaceAuthority(directory, await companyAuthority(now, 10 * dayMs), now);
    const issuedAt = now;
    now += 11 * dayMs;
    await assert.rejects(certificates.issue(names), /expired .*: bring another one/);
    now = issuedAt;
    for (const file of ['{', '{"chain": 1}'])
      await assert.rejects(
        writeFile(authorityPath(directory), file).then(() => certificates.issue(names)),
        /restore it|move it away/,
      );
  });

  it('for the links between nodes are their own authority, and open no listener', async () => {
    const { certificate, key } = await issueLinkCertificate('orders', now);
    const facts = new X509Certificate(certificate);
    assert.equal(facts.issuer, facts.subject);
    assert.ok(facts.verify(facts.publicKey));
    assert.deepEqual(facts.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    assert.match(key, /BEGIN PRIVATE KEY/);
  });
});
