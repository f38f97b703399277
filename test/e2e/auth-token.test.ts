/** AUTH tokens on real engines: who is let in, by real clients, through exchanges, failures and restarts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { before, describe, it, type TestContext } from 'node:test';
import {
  DescribeCacheClustersCommand,
  DescribeEventsCommand,
  IncreaseReplicaCountCommand,
  ModifyReplicationGroupCommand,
  type ModifyReplicationGroupCommandInput,
} from '@aws-sdk/client-elasticache';
import { Cluster, Redis } from 'iovalkey';
import { createClient } from 'redis';
import type { Address } from '../../bench/lib/resp-client.ts';
import { createGroup } from '../support/caches.ts';
import { runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { describeGroup } from './caches.ts';
import { endpointOf, kill, nodesOf, pair, primaryOf } from './faults.ts';

const first = 'planted-token-one!&#$^<>-';
const second = 'planted-token-two-4711';
const third = 'planted-token-three-0815';

let limber: Limber;
let ca: string;
before(async () => {
  limber = await startLimber({ logLevel: 'debug' });
});

function client(t: TestContext, { address, port }: Address, password?: string): Redis {
  const redis = new Redis({
    host: address,
    port,
    tls: { ca },
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    ...(password === undefined ? {} : { password }),
  });
  redis.on('error', () => {});
  t.after(() => redis.disconnect());
  return redis;
}

/** `in`, or the code of the engine's refusal. */
async function entry(t: TestContext, at: Address, password?: string): Promise<string> {
  const redis = client(t, at, password);
  try {
    await redis.ping();
    return 'in';
  } catch (error) {
    return (error as Error).message.split(' ')[0] ?? '';
  } finally {
    redis.disconnect();
  }
}

/** `in` or not, at every node and endpoint of the group. */
async function everywhere(t: TestContext, id: string, password: string | undefined, expected: RegExp) {
  for (const at of [...(await nodesOf(limber, id)), await endpointOf(limber, id)])
    assert.match(await entry(t, at, password), expected, `${at.address} ${password}`);
}

async function modify(id: string, input: Partial<ModifyReplicationGroupCommandInput>) {
  const command = { ReplicationGroupId: id, ApplyImmediately: true, ...input };
  const { ReplicationGroup } = await limber.client().send(new ModifyReplicationGroupCommand(command));
  return ReplicationGroup ?? {};
}

async function modified(id: string) {
  await eventually(
    async (see) => {
      const { Status, PendingModifiedValues } = await describeGroup(limber.client(), id);
      return see(`${Status} ${PendingModifiedValues?.AuthTokenStatus}`) === 'available undefined';
    },
    { deadlineMs: 20_000 },
  );
}

const engines = [
  { name: 'Valkey', id: 'v', input: {} },
  { name: 'Redis OSS 7.0', id: 'r', input: { Engine: 'redis', EngineVersion: '7.0' } },
];

for (const engine of engines)
  describe(`a group of ${engine.name} with an AUTH token`, () => {
    const id = `${engine.id}-auth`;
    before(async () => {
      const input = { ...pair, ...engine.input, TransitEncryptionEnabled: true, AuthToken: first };
      await createGroup(limber, id, input);
      ca = (await runLimber(['ca', '--data', limber.dataDirectory])).stdout;
    });

    it('is described as such, and so are its members', async () => {
      const group = await describeGroup(limber.client(), id);
      assert.equal(group.AuthTokenEnabled, true);
      assert.ok(group.AuthTokenLastModifiedDate instanceof Date);
      const { CacheClusters } = await limber
        .client()
        .send(new DescribeCacheClustersCommand({ CacheClusterId: `${id}-001` }));
      assert.equal(CacheClusters?.[0]?.AuthTokenEnabled, true);
      assert.ok(CacheClusters[0].AuthTokenLastModifiedDate instanceof Date);
    });

    it('lets in who has the token, at every node and endpoint, and nobody else', async (t) => {
      await everywhere(t, id, first, /^in$/);
      await everywhere(t, id, undefined, /NOAUTH/);
      await everywhere(t, id, second, /WRONGPASS|NOAUTH/);
    });

    it('serves node-redis and the cli, which gets the token from its environment', async (t) => {
      const { address: host, port } = await endpointOf(limber, id);
      const redis = createClient({ socket: { host, port, tls: true, ca }, password: first });
      redis.on('error', () => {});
      await redis.connect();
      t.after(() => redis.destroy());
      await redis.set('a', '1');
      const command = ['connect', id, '--data', limber.dataDirectory, '--', 'GET', 'a'];
      const cli = await runLimber(command, { env: { REDISCLI_AUTH: first } });
      assert.equal(cli.stdout.trim(), '1', cli.stderr);
      const without = await runLimber(command);
      assert.match(without.stderr, /needs its AUTH token: set REDISCLI_AUTH/);
    });

    it('takes the old and the new token after ROTATE and the new one after SET, and cuts nobody', async (t) => {
      const at = await endpointOf(limber, id);
      const open = client(t, at, first);
      await open.ping();
      const before = (await describeGroup(limber.client(), id)).AuthTokenLastModifiedDate!;
      const answer = await modify(id, { AuthToken: second });
      assert.equal(answer.Status, 'modifying');
      assert.equal(answer.PendingModifiedValues?.AuthTokenStatus, 'ROTATING');
      await modified(id);
      await everywhere(t, id, first, /^in$/);
      await everywhere(t, id, second, /^in$/);
      await everywhere(t, id, undefined, /NOAUTH/);
      await assert.rejects(modify(id, { AuthToken: third, AuthTokenUpdateStrategy: 'SET' }), /latest ROTATE/);
      const set = await modify(id, { AuthToken: second, AuthTokenUpdateStrategy: 'SET' });
      assert.equal(set.PendingModifiedValues?.AuthTokenStatus, 'SETTING');
      await modified(id);
      await everywhere(t, id, first, /WRONGPASS|NOAUTH/);
      await everywhere(t, id, second, /^in$/);
      assert.equal(await open.ping(), 'PONG');
      assert.ok((await describeGroup(limber.client(), id)).AuthTokenLastModifiedDate! > before);
    });

    it('keeps its door shut when a primary is killed, and on a new replica', async (t) => {
      const former = primaryOf(await nodesOf(limber, id));
      kill(former);
      await eventually(
        async (see) => {
          const roles = see((await nodesOf(limber, id)).map((node) => `${node.id} ${node.role}`));
          const isSettled = (await limber.status()).shards.every((shard) => shard.isSettled);
          return isSettled && roles.includes(`${former.id} replica`);
        },
        { deadlineMs: 20_000 },
      );
      const grown = { ReplicationGroupId: id, NewReplicaCount: 2, ApplyImmediately: true };
      await limber.client().send(new IncreaseReplicaCountCommand(grown));
      await modified(id);
      assert.equal((await nodesOf(limber, id)).length, 3);
      await everywhere(t, id, second, /^in$/);
      await everywhere(t, id, undefined, /NOAUTH/);
      await everywhere(t, id, first, /WRONGPASS|NOAUTH/);
    });

    it('gets the token that was asked for, also when Limber is killed in the middle', async (t) => {
      await limber.restart({ env: { LIMBER_FAULT_POINT: 'apply-config:applied' } });
      const asked = modify(id, { AuthToken: third });
      await Promise.all([asked.catch(() => {}), limber.ended]);
      await limber.restart();
      await modified(id);
      await everywhere(t, id, second, /^in$/);
      await everywhere(t, id, third, /^in$/);
      await everywhere(t, id, undefined, /NOAUTH/);
    });
  });

it('a cluster asks for its token at every node', async (t) => {
  const shape = { NumNodeGroups: 2, ReplicasPerNodeGroup: 1, AutomaticFailoverEnabled: true };
  await createGroup(limber, 'authc', { ...shape, TransitEncryptionEnabled: true, AuthToken: first });
  const { address: host, port } = await endpointOf(limber, 'authc', 'configuration');
  const cluster = new Cluster([{ host, port }], { redisOptions: { tls: { ca }, password: first } });
  t.after(() => cluster.disconnect());
  for (const key of ['a', 'b', 'c', 'd']) assert.equal(await cluster.set(key, key), 'OK');
  for (const node of await nodesOf(limber, 'authc')) {
    assert.equal(await entry(t, node, first), 'in');
    assert.match(await entry(t, node), /NOAUTH/);
  }
});

describe('a group without a token', () => {
  const id = 'was-open';
  before(async () => {
    await createGroup(limber, id, { ...pair, TransitEncryptionEnabled: true });
  });

  it('stays open after ROTATE, which an event, status and doctor say, until SET', async (t) => {
    await modify(id, { AuthToken: first });
    await modified(id);
    await everywhere(t, id, undefined, /^in$/);
    await everywhere(t, id, first, /^in$/);
    const { Events } = await limber
      .client()
      .send(new DescribeEventsCommand({ SourceIdentifier: id, SourceType: 'replication-group' }));
    assert.ok(
      Events?.some(({ Message }) => /clients without a password are still let in/.test(Message ?? '')),
    );
    assert.deepEqual((await limber.status()).passwordless, [id]);
    const doctor = await runLimber(['doctor', '--data', limber.dataDirectory]);
    assert.match(doctor.stdout, /was-open has an AUTH token, and lets clients in without it/);
    await modify(id, { AuthToken: first, AuthTokenUpdateStrategy: 'SET' });
    await modified(id);
    await everywhere(t, id, undefined, /NOAUTH/);
    await everywhere(t, id, first, /^in$/);
    assert.deepEqual((await limber.status()).passwordless, []);
  });
});

it('no token and no hash of one is in a log, an event or the arguments of a process', async () => {
  const hidden = [first, second, third].flatMap((token) => [
    token,
    encodeURIComponent(token),
    createHash('sha256').update(token).digest('hex'),
  ]);
  const { Events } = await limber.client().send(new DescribeEventsCommand({ Duration: 600 }));
  const places: Record<string, string> = {
    logs: limber.logs(),
    events: JSON.stringify(Events),
    status: JSON.stringify(await limber.status()),
  };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      places[`arguments of ${pid}`] = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      // It has ended.
    }
  for (const [place, text] of Object.entries(places))
    for (const secret of hidden) assert.ok(!text.includes(secret), place);
});
