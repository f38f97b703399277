/** TransitEncryptionEnabled: real clients, what is refused, and failover, on every engine. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { ModifyReplicationGroupCommand } from '@aws-sdk/client-elasticache';
import { Cluster, Redis } from 'iovalkey';
import { createClient, createCluster } from 'redis';
import { type Address, askOnce, connectResp } from '../../bench/lib/resp-client.ts';
import { signCertificate } from '../../src/security/certificates/sign.ts';
import { createGroup } from '../support/caches.ts';
import { runLimber } from '../support/command.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { describeGroup } from './caches.ts';
import {
  anotherLeads,
  directoryOf,
  endpointOf,
  kill,
  nodesOf,
  pair,
  primaryOf,
  wholeAgain,
  wholeWithout,
  writersOf,
} from './faults.ts';

/** Generous, so that a busy machine does not fail tests; the bench publishes what it really takes. */
const gapMaxMs = 1_000;
const lostMax = 20;

let limber: Limber;
let ca: string;
before(async () => {
  limber = await startLimber();
});

const engines = [
  { name: 'Valkey', id: 'v', input: {} },
  { name: 'Redis OSS 7.0', id: 'r', input: { Engine: 'redis', EngineVersion: '7.0' } },
];

/** `connected`, or the code of the error. */
function handshake({ address, port }: Address, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, ca, ...options }, () => {
      // TLS 1.3: a server that refuses our certificate says so only after our side is done.
      socket.write('PING\r\n');
      socket.setTimeout(500, () => {
        resolve('connected');
        socket.destroy();
      });
    });
    socket.once('data', () => {
      resolve('connected');
      socket.destroy();
    });
    socket.once('error', ({ code, message }: NodeJS.ErrnoException) => resolve(code ?? message));
    socket.once('close', () => resolve('hung up'));
  });
}

function client(t: TestContext, { address, port }: Address): Redis {
  const redis = new Redis({ host: address, port, tls: { ca }, maxRetriesPerRequest: 0 });
  redis.on('error', () => {});
  t.after(() => redis.disconnect());
  return redis;
}

for (const engine of engines) {
  describe(`a group of ${engine.name} with encryption in transit`, () => {
    const id = `${engine.id}-tls`;
    let endpoint: Address;
    before(async () => {
      await createGroup(limber, id, { ...pair, ...engine.input, TransitEncryptionEnabled: true });
      endpoint = await endpointOf(limber, id);
      ca = (await runLimber(['ca', '--data', limber.dataDirectory])).stdout;
    });

    it('is described as such', async () => {
      const group = await describeGroup(limber.client(), id);
      assert.equal(group.TransitEncryptionEnabled, true);
      assert.equal(group.TransitEncryptionMode, 'required');
    });

    it('serves iovalkey, node-redis and the cli of the engine, which trust what limber ca prints', async (t) => {
      const one = client(t, endpoint);
      assert.equal(await one.set('a', '1'), 'OK');
      const { address: host, port } = endpoint;
      const two = createClient({ socket: { host, port, tls: true, ca } });
      two.on('error', () => {});
      await two.connect();
      t.after(() => two.destroy());
      assert.equal(await two.get('a'), '1');
      const three = await runLimber(['connect', id, '--data', limber.dataDirectory, '--', 'GET', 'a']);
      assert.equal(three.stdout.trim(), '1', three.stderr);
    });

    it('serves its members and the reader endpoint in the same way', async (t) => {
      for (const at of [...(await nodesOf(limber, id)), await endpointOf(limber, id, 'reader')])
        assert.equal(await client(t, at).ping(), 'PONG');
    });

    it('refuses plain text, TLS 1.1 and weak ciphers, and a client refuses whoever else has signed', async () => {
      const { address, port } = endpoint;
      await assert.rejects(askOnce({ address, port }, 'PING'), /hung up|ECONNRESET/);
      const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const;
      assert.match(await handshake(endpoint, old), /ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION/);
      const weak = { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:ECDHE-ECDSA-AES128-SHA256' } as const;
      assert.match(await handshake(endpoint, weak), /HANDSHAKE_FAILURE/);
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
        assert.equal(await handshake(endpoint, { minVersion: version, maxVersion: version }), 'connected');
      const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const stranger = await signCertificate(
        {
          commonName: 'Limber CA',
          publicKey: key.publicKey,
          notBefore: 0,
          notAfter: Date.now() + 1e9,
          usage: 'authority',
        },
        { certificate: null, key: key.privateKey },
      );
      assert.match(await handshake(endpoint, { ca: stranger }), /UNABLE_TO|SELF_SIGNED/);
    });

    it('listens on no port without TLS', async () => {
      for (const { address } of await nodesOf(limber, id)) {
        const hex = [...address.split('.')]
          .reverse()
          .map((part) => Number(part).toString(16).padStart(2, '0'));
        const listening = readFileSync('/proc/net/tcp', 'utf8')
          .split('\n')
          .filter((line) => line.includes(` ${hex.join('').toUpperCase()}:`) && / 0A /.test(line))
          .map((line) => Number.parseInt(line.trim().split(/[\s:]+/)[2]!, 16));
        assert.deepEqual([...new Set(listening)], [6379]);
      }
    });

    it('keeps keys to itself', async () => {
      for (const node of await nodesOf(limber, id)) {
        const directory = directoryOf(limber, node);
        const files = readdirSync(directory).filter((name) => name.startsWith('tls-'));
        assert.equal(files.length, 5, files.join());
        assert.ok(!readFileSync(join(directory, 'engine.conf'), 'utf8').includes('BEGIN'));
      }
      assert.ok(!limber.logs().includes('PRIVATE KEY'));
    });

    it('replaces a primary that is killed within moments, and the dead one comes back', async () => {
      const nodes = await wholeAgain(limber, id);
      const former = primaryOf(nodes);
      const writers = await writersOf(limber, id);
      writers.mark();
      kill(former);
      const leader = await anotherLeads(limber, id, former);
      await writers.progress(50, 10_000);
      await writers.stop();
      const { longestMs } = writers.gap();
      assert.ok(longestMs < gapMaxMs, `gap ${longestMs} ms`);
      const { lost, wrong } = await writers.verify(await endpointOf(limber, id));
      assert.ok(lost <= lostMax && wrong === 0, `${lost} lost, ${wrong} wrong`);
      assert.notEqual(leader.id, former.id);
      await wholeWithout(limber, id, [former]);
    });

    it('hands over on demand without losing a write', async () => {
      const nodes = await wholeAgain(limber, id);
      const next = nodes.find(({ role }) => role === 'replica')!;
      const writers = await writersOf(limber, id);
      await limber.admin('switchover', { member: next.id });
      await writers.progress(50, 10_000);
      await writers.stop();
      const { lost, wrong } = await writers.verify(await endpointOf(limber, id));
      assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 });
    });

    it('goes on when Limber is killed, and is found by the next one', async (t) => {
      await limber.kill();
      await limber.restart();
      await wholeAgain(limber, id);
      assert.equal(await client(t, await endpointOf(limber, id)).ping(), 'PONG');
    });
  });

  describe(`a cluster of ${engine.name} with encryption in transit`, () => {
    const id = `${engine.id}-tlsc`;
    before(async () => {
      await createGroup(limber, id, {
        ...engine.input,
        NumNodeGroups: 2,
        ReplicasPerNodeGroup: 1,
        AutomaticFailoverEnabled: true,
        TransitEncryptionEnabled: true,
      });
    });

    it('serves the cluster clients of iovalkey and node-redis, and those of the cli', async (t) => {
      const { address: host, port } = await endpointOf(limber, id, 'configuration');
      const one = new Cluster([{ host, port }], { redisOptions: { tls: { ca } } });
      t.after(() => one.disconnect());
      const two = createCluster({
        rootNodes: [{ socket: { host, port } }],
        defaults: { socket: { tls: true, ca } },
      });
      await two.connect();
      t.after(() => two.destroy());
      for (const key of ['a', 'b', 'c', 'd']) {
        await one.set(key, key);
        assert.equal(await two.get(key), key);
      }
      const three = await runLimber(['connect', id, '--data', limber.dataDirectory, '--', 'GET', 'd']);
      assert.match(three.stdout, /d\n$/, three.stderr);
    });

    it('lets nobody onto its bus but its own nodes', async () => {
      const [node] = await nodesOf(limber, id);
      const other = (await nodesOf(limber, `${engine.id}-tls`))[0]!;
      const bus = { ...node!, port: node!.port + 10_000 };
      const pairIn = (directory: string, name: RegExp) => {
        const file = readdirSync(directory).find((one) => name.test(one))!;
        const read = (one: string) => readFileSync(join(directory, one), 'utf8');
        return { cert: read(file), key: read(file.replace('.crt', '.key')) };
      };
      const hello = (options: ConnectionOptions) => handshake(bus, options);
      assert.notEqual(await hello({}), 'connected');
      // The certificate that the node itself shows, and the link certificate of another cache of the same authority.
      assert.notEqual(
        await hello(pairIn(directoryOf(limber, node!), /^tls-[0-9a-f]{16}\.crt$/)),
        'connected',
      );
      assert.notEqual(await hello(pairIn(directoryOf(limber, other), /^tls-link\.crt$/)), 'connected');
      await assert.rejects(askOnce({ address: bus.address, port: bus.port }, 'PING'), /hung up|ECONNRESET/);
      assert.equal(await hello(pairIn(directoryOf(limber, node!), /^tls-link\.crt$/)), 'connected');
    });

    it('replaces a primary that is killed', async () => {
      const nodes = await wholeAgain(limber, id);
      const former = primaryOf(nodes, '0002');
      kill(former);
      const leader = await anotherLeads(limber, id, former);
      const at = await connectResp(leader);
      assert.match(String(await at.ask('ROLE').catch((error: Error) => error.message)), /master|NOPERM/);
      at.close();
      await wholeWithout(limber, id, [former]);
    });
  });
}

describe('encryption in transit of a living group', () => {
  it('is not changed in one step, and not by way of what Limber does not serve', async () => {
    await createGroup(limber, 'plain', {});
    const modify = (ReplicationGroupId: string, input: object) =>
      limber
        .client()
        .send(new ModifyReplicationGroupCommand({ ReplicationGroupId, ApplyImmediately: true, ...input }));
    const refused = { name: 'InvalidParameterCombinationException' };
    await assert.rejects(modify('plain', { TransitEncryptionEnabled: true }), refused);
    await assert.rejects(
      modify('plain', { TransitEncryptionEnabled: true, TransitEncryptionMode: 'required' }),
      refused,
    );
    await assert.rejects(modify('v-tls', { TransitEncryptionEnabled: false }), refused);
    await assert.rejects(
      modify('v-tls', { TransitEncryptionMode: 'preferred' }),
      /not supported by Limber yet/,
    );
    await assert.rejects(
      modify('plain', { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' }),
      /not supported by Limber yet/,
    );
  });
});
