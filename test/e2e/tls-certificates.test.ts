/** Certificates of running nodes: another authority, an expired one, files that are damaged, Limber killed in between. */
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { Redis } from 'iovalkey';
import { type Address, connectResp, type RespClient } from '../../bench/lib/resp-client.ts';
import { readStartRecord } from '../../src/cli/start-record.ts';
import { systemIds } from '../../src/platform/ids.ts';
import {
  authorityPath,
  readAuthority,
  setNames,
  trustPath,
} from '../../src/security/certificates/authority-file.ts';
import { fingerprint } from '../../src/security/certificates/pem.ts';
import { signCertificate } from '../../src/security/certificates/sign.ts';
import { createGroup } from '../support/caches.ts';
import { runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { describeGroup } from './caches.ts';
import { asLimber, directoryOf, endpointOf, nodesOf, pair, wholeAgain } from './faults.ts';

const dayMs = 86_400_000;
const id = 'orders';

interface Shown {
  readonly issuer: string;
  readonly serial: string;
  readonly names: string;
}

/** The certificate that is shown at this address, whoever signed it. */
function shownAt({ address, port }: Address): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, rejectUnauthorized: false }, () => {
      const { issuer, serialNumber, subjectaltname = '' } = socket.getPeerCertificate();
      socket.destroy();
      resolve({ issuer: String(issuer.CN), serial: serialNumber, names: subjectaltname });
    });
    socket.once('error', reject);
  });
}

const issuersOf = async (limber: Limber) =>
  Promise.all((await nodesOf(limber, id)).map(async (node) => (await shownAt(node)).issuer));

/** Files of an authority as a company has it. */
async function companyFiles(limber: Limber, commonName: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const chain = await signCertificate(
    {
      commonName,
      publicKey,
      notBefore: Date.now() - dayMs,
      notAfter: Date.now() + 900 * dayMs,
      usage: 'authority',
    },
    { certificate: null, key: privateKey },
  );
  const [certificate, key] = ['company.pem', 'company.key'].map((name) => join(limber.dataDirectory, name));
  writeFileSync(certificate!, chain);
  writeFileSync(key!, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { chain, import: ['ca', 'import', certificate!, key!, '--data', limber.dataDirectory] };
}

/** A connection that is open all the while. */
async function opened(t: TestContext, limber: Limber): Promise<RespClient> {
  const client = await connectResp(await endpointOf(limber, id));
  t.after(() => client.close());
  return client;
}

async function startWithGroup(t: TestContext): Promise<Limber> {
  const limber = await startLimber(t);
  await createGroup(limber, id, { ...pair, TransitEncryptionEnabled: true });
  return limber;
}

/** Lets the process of the first node show this certificate, as one does that has run for too long. */
async function letItShow(limber: Limber, certificate: string, key: string): Promise<void> {
  const [node] = await nodesOf(limber, id);
  const stem = join(directoryOf(limber, node!), `tls-${fingerprint(certificate)}`);
  writeFileSync(`${stem}.crt`, certificate);
  writeFileSync(`${stem}.key`, key);
  const client = await asLimber(limber, id, node!);
  await client.ask('CONFIG', 'SET', 'tls-cert-file', `${stem}.crt`, 'tls-key-file', `${stem}.key`);
  client.close();
}

async function expiredCertificate(limber: Limber) {
  const { chain, key } = (await readAuthority(limber.dataDirectory))!;
  const [node] = await nodesOf(limber, id);
  const pairOfKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = await signCertificate(
    {
      commonName: id,
      publicKey: pairOfKeys.publicKey,
      notBefore: Date.now() - 100 * dayMs,
      notAfter: Date.now() - dayMs,
      usage: 'server',
      addresses: [node!.address],
    },
    { certificate: chain, key: createPrivateKey(key) },
  );
  return { certificate, key: pairOfKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

describe('certificates of a running group', () => {
  it('are replaced once, and none of them fails, when several rounds are asked for at the same time', async (t) => {
    const limber = await startWithGroup(t);
    const names = ['ca', 'names', 'caches.example.com', '--data', limber.dataDirectory];
    const rounds = await Promise.all([1, 2, 3, 4].map(() => runLimber(names)));
    assert.deepEqual(
      rounds.map(({ code, stderr }) => [code, stderr]),
      Array(4).fill([0, '']),
    );
    assert.equal(limber.logs().split('a node has another certificate').length - 1, 2);
    assert.ok(rounds.some(({ stdout }) => /replaced: 2\./.test(stdout)));
    await wholeAgain(limber, id);
  });

  it('count for the command that asked for them, also when a round that was under way has replaced them', async (t) => {
    const limber = await startWithGroup(t);
    const since = Date.now();
    await setNames(limber.dataDirectory, ['caches.example.com'], since, systemIds);
    await limber.admin('renew-certificates');
    assert.deepEqual(await limber.admin('renew-certificates', { since }), { replaced: 2, failed: [] });
    assert.deepEqual(await limber.admin('renew-certificates'), { replaced: 0, failed: [] });
  });

  it('come from an authority of one’s own after limber ca import, while connections and replication go on', async (t) => {
    const limber = await startWithGroup(t);
    const client = await opened(t, limber);
    const replicas = async () =>
      /connected_slaves:1\r\n.*state=online/s.test(String(await client.ask('INFO', 'replication')));
    const pids = (await nodesOf(limber, id)).map(({ pid }) => pid);
    const former = (await runLimber(['ca', '--data', limber.dataDirectory])).stdout;
    const company = await companyFiles(limber, 'Company caches');
    const { stdout, code, stderr } = await runLimber(company.import);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /replaced: 2\./);
    assert.deepEqual(await issuersOf(limber), ['Company caches', 'Company caches']);
    assert.ok(await replicas(), 'the replica stays connected');
    assert.equal(await client.ask('SET', 'a', '1'), 'OK');
    assert.deepEqual(
      (await nodesOf(limber, id)).map(({ pid }) => pid),
      pids,
    );
    assert.equal((await runLimber(['ca', '--data', limber.dataDirectory])).stdout, company.chain + former);
    // A link that is made anew, and a node that starts anew, meet the new authority.
    const [, replica] = await wholeAgain(limber, id);
    process.kill(replica!.pid, 'SIGKILL');
    await eventually(async () =>
      (await nodesOf(limber, id)).every(({ pid }) => pid !== 0 && pid !== replica!.pid),
    );
    await wholeAgain(limber, id);
    for (const node of await nodesOf(limber, id)) {
      const files = readdirSync(directoryOf(limber, node)).filter((name) =>
        /^tls-(trust-)?[0-9a-f]{16}/.test(name),
      );
      assert.equal(files.length, 3, `what is not used any more is gone: ${files.join(', ')}`);
    }
  });

  for (const point of ['certificate:written', 'certificate:loaded', 'certificate:written@2'])
    it(`are all replaced in the end when Limber dies at ${point}`, async (t) => {
      const limber = await startWithGroup(t);
      const company = await companyFiles(limber, 'Company caches');
      const client = await opened(t, limber);
      await limber.stop();
      assert.equal((await runLimber(company.import)).code, 0);
      await limber.restart({ env: { LIMBER_FAULT_POINT: point } });
      assert.equal(await limber.ended, 'SIGKILL');
      await limber.restart({ env: { LIMBER_FAULT_POINT: '' } });
      await eventually(
        async (see) => see(await issuersOf(limber)).every((issuer) => issuer === 'Company caches'),
        {
          deadlineMs: 20_000,
        },
      );
      assert.equal(await client.ask('PING'), 'PONG');
      await wholeAgain(limber, id);
    });

  it('that have expired part nobody from Limber, which replaces them', async (t) => {
    const limber = await startWithGroup(t);
    const { certificate, key } = await expiredCertificate(limber);
    await letItShow(limber, certificate, key);
    await limber.kill();
    await limber.restart();
    const [node] = await nodesOf(limber, id);
    await eventually(
      async () => connectResp(node!).then((client) => client.ask('PING').finally(() => client.close())),
      {
        deadlineMs: 20_000,
      },
    );
    await wholeAgain(limber, id);
  });

  it('are kept, and it is said why, while the authority cannot sign; nodes come back all the same', async (t) => {
    const limber = await startWithGroup(t);
    const content = readFileSync(authorityPath(limber.dataDirectory), 'utf8');
    writeFileSync(authorityPath(limber.dataDirectory), content.slice(0, 200));
    const renewal = (await limber.admin('renew-certificates')) as { failed: { reason: string }[] };
    assert.match(
      renewal.failed[0]!.reason,
      /authority\.json is not valid JSON .*; move it away or restore it/,
    );
    await limber.kill();
    await limber.restart();
    const nodes = await wholeAgain(limber, id);
    process.kill(nodes[1]!.pid, 'SIGKILL');
    await eventually(async () =>
      (await nodesOf(limber, id)).every(({ pid }) => pid !== 0 && pid !== nodes[1]!.pid),
    );
    await wholeAgain(limber, id);
    assert.ok(!limber.logs().includes('PRIVATE KEY'));
    writeFileSync(authorityPath(limber.dataDirectory), content);
    assert.deepEqual(await limber.admin('renew-certificates'), { replaced: 0, failed: [] });
  });

  it('whose files were damaged are replaced without a restart', async (t) => {
    const limber = await startWithGroup(t);
    const [node] = await nodesOf(limber, id);
    const before = await shownAt(node!);
    const directory = directoryOf(limber, node!);
    const since = Date.now();
    for (const name of readdirSync(directory).filter((one) => /^tls-[0-9a-f]{16}\.crt$/.test(one)))
      writeFileSync(join(directory, name), 'nothing');
    // The round that each start brings may have been first.
    assert.deepEqual(await limber.admin('renew-certificates', { since }), { replaced: 1, failed: [] });
    assert.notEqual((await shownAt(node!)).serial, before.serial);
  });
});

describe('the names in a certificate', () => {
  it('are those of the zone in both forms, a wildcard for the members, and the operator’s own', async (t) => {
    const limber = await startLimber(t, {
      args: ['--dns', 'cache.internal:0'],
    });
    await createGroup(limber, id, { ...pair, TransitEncryptionEnabled: true });
    const own = (...names: string[]) => runLimber(['ca', 'names', ...names, '--data', limber.dataDirectory]);
    assert.match((await own('nothing..of.the.kind')).stderr, /is no name/);
    assert.match((await own('redis.example.com', '*.caches.example.com')).stdout, /replaced: 2\./);
    assert.equal((await own()).stdout, 'redis.example.com\n*.caches.example.com\n');
    const { names } = await shownAt(await endpointOf(limber, id));
    assert.match(names, /DNS:\*\.orders\.[a-z0-9]{6}\.use1\.cache\.internal/);
    assert.match(names, /DNS:orders\.[a-z0-9]{6}\.ng\.0001\.use1\.cache\.internal/);
    assert.match(names, /DNS:redis\.example\.com, DNS:\*\.caches\.example\.com/);
    // By name, as programs do it: looked up at Limber, and checked against the certificate.
    const { NodeGroups } = await describeGroup(limber.client(), id);
    const { Address: host = '', Port: port = 0 } = NodeGroups?.[0]?.PrimaryEndpoint ?? {};
    assert.match(host, /^master\.orders\.[a-z0-9]{6}\.use1\.cache\.internal$/);
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${(await readStartRecord(limber.dataDirectory))?.dnsPort}`]);
    const [address = ''] = await resolver.resolve4(host);
    const ca = readFileSync(trustPath(limber.dataDirectory), 'utf8');
    const redis = new Redis({ host: address, port, tls: { ca, servername: host }, maxRetriesPerRequest: 0 });
    t.after(() => redis.disconnect());
    assert.equal(await redis.ping(), 'PONG');
    for (const { address } of [await endpointOf(limber, id), await endpointOf(limber, id, 'reader')])
      assert.ok(names.includes(`IP Address:${address}`));
  });
});
