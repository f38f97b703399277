import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ReplicationGroup } from '@aws-sdk/client-elasticache';
import { renamedCommands } from '../../src/engines/valkey/renamed-commands.ts';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { createGroup, describeCluster, endpointsOf, membersOf, messagesOf, rolesOf } from './caches.ts';
import { info, nodeRedis, valkey } from './engine-clients.ts';
import { servesItself } from './sockets.ts';

const limber = await startLimber();
const client = limber.client();

/** What is asked for, and what runs. */
const variants = [
  { engine: 'valkey', version: '8.0', runs: /^8\.0\.\d+$/, replicas: 1 },
  { engine: 'valkey', version: '8.1', runs: /^8\.1\.\d+$/, replicas: 2 },
  { engine: 'valkey', version: '9.1', runs: /^9\.1\.\d+$/, replicas: 1 },
  { engine: 'redis', version: '7.0', runs: /^7\.0\.\d+$/, replicas: 2 },
] as const;

for (const { engine, version, runs, replicas } of variants) {
  describe(`a group of ${engine} ${version} with ${replicas} replicas`, () => {
    const id = `${engine}-${version.replace('.', '-')}`;
    let group: ReplicationGroup;

    before(async () => {
      group = await createGroup(client, {
        ReplicationGroupId: id,
        Engine: engine,
        EngineVersion: version,
        NumCacheClusters: replicas + 1,
        AutomaticFailoverEnabled: true,
      });
    });

    it('is available with one primary and its replicas, the primary first', () => {
      const members = group.NodeGroups?.[0]?.NodeGroupMembers ?? [];
      assert.equal(group.Status, 'available');
      assert.deepEqual(
        members.map((member) => [member.CacheClusterId, member.CurrentRole]),
        [
          [`${id}-001`, 'primary'],
          ...Array.from({ length: replicas }, (_, index) => [`${id}-00${index + 2}`, 'replica']),
        ],
      );
      assert.deepEqual(
        group.MemberClusters,
        members.map((member) => member.CacheClusterId),
      );
    });

    it('runs the engine that was asked for', async (t) => {
      const member = await describeCluster(client, `${id}-001`);
      assert.match(member.EngineVersion ?? '', runs);
      const running = await info(
        valkey(t, endpointsOf(group).primary),
        engine === 'valkey' ? 'valkey_version' : 'redis_version',
      );
      assert.equal(running, member.EngineVersion);
    });

    it('has its primary endpoint served by the primary itself: its process, its socket', async (t) => {
      const { primary } = endpointsOf(group);
      const leader = (await membersOf(limber, id)).find((member) => member.role === 'primary');
      assert.ok(leader?.pid);
      assert.equal(await info(valkey(t, primary), 'process_id'), String(leader.pid));
      assert.ok(servesItself(leader.pid, primary.host, primary.port));
      assert.notEqual(primary.host, leader.address);
    });

    it('has its reader endpoint served by a replica itself', async (t) => {
      const { reader } = endpointsOf(group);
      const client = valkey(t, reader);
      const pid = Number(await info(client, 'process_id'));
      const member = (await membersOf(limber, id)).find((one) => one.pid === pid);
      assert.equal(member?.role, 'replica');
      assert.ok(servesItself(pid, reader.host, reader.port));
      await assert.rejects(client.set('key', 'value'), /READONLY/);
    });

    it('gives every replica what one client writes, for another client to read', async (t) => {
      const { primary, reader } = endpointsOf(group);
      const writer = valkey(t, primary);
      await writer.set('greeting', 'hello');
      assert.equal(await writer.wait(replicas, 5_000), replicas);
      const other = await nodeRedis(t, reader);
      assert.equal(await other.get('greeting'), 'hello');
      for (const member of group.NodeGroups?.[0]?.NodeGroupMembers ?? []) {
        const { Address: host = '', Port: port = 0 } = member.ReadEndpoint ?? {};
        assert.equal(await valkey(t, { host, port }).get('greeting'), 'hello');
      }
    });

    it('refuses the commands that ElastiCache restricts, and their newer kin', async (t) => {
      const client = valkey(t, endpointsOf(group).primary);
      const restricted = [
        'config get maxmemory',
        'replicaof no one',
        'slaveof no one',
        'failover',
        'psync ? -1',
        'sync',
        'replconf ack 1',
        'shutdown',
        'save',
        'bgsave',
        'bgrewriteaof',
        'debug sleep 0',
        'module list',
        'migrate 127.0.0.1 6379 key 0 100',
        'acl setuser somebody',
        'acl list',
        'cluster meet 127.0.0.1 6379',
        'cluster failover',
      ];
      for (const command of restricted) {
        const [name = '', ...args] = command.split(' ');
        const unknown = `ERR unknown command '${name}', with args beginning with:`;
        await assert.rejects(client.call(name, ...args), (error: Error) =>
          renamedCommands.includes(name) ? error.message.startsWith(unknown) : /^NOPERM/.test(error.message),
        );
      }
    });

    it('lets no client be Limber or a replica', async (t) => {
      const client = valkey(t, endpointsOf(group).primary);
      for (const user of ['limber', 'limber-replication'])
        for (const password of ['', 'limber', 'password'])
          await assert.rejects(client.call('AUTH', user, password), /WRONGPASS/);
      assert.equal(await client.call('ACL', 'WHOAMI'), 'default');
    });

    it('says in events that its nodes and the group were created', async () => {
      assert.ok((await messagesOf(client, id)).includes(`Replication group ${id} created`));
      const messages = await messagesOf(client, `${id}-001`);
      assert.ok(messages.includes('Cache cluster created'));
      assert.ok(messages.some((message) => /^Added cache node 0001 in availability zone /.test(message)));
    });
  });
}

describe('redis 7.1, which is ElastiCache’s own name', () => {
  it('is served by 7.0, shown as 7.1.0, and an event says so', async (t) => {
    const group = await createGroup(client, {
      ReplicationGroupId: 'alias',
      Engine: 'redis',
      EngineVersion: '7.1',
    });
    assert.equal((await describeCluster(client, 'alias-001')).EngineVersion, '7.1.0');
    assert.match((await info(valkey(t, endpointsOf(group).primary), 'redis_version')) ?? '', /^7\.0\./);
    const messages = await messagesOf(client, 'alias');
    assert.ok(
      messages.some((message) => /redis 7\.0\.\d+ serves it/.test(message)),
      messages.join('\n'),
    );
  });
});

describe('a group without replicas', () => {
  it('has a reader endpoint that its primary serves', async (t) => {
    const group = await createGroup(client, { ReplicationGroupId: 'alone' });
    const { primary, reader } = endpointsOf(group);
    await valkey(t, primary).set('key', 'value');
    assert.equal(await valkey(t, reader).get('key'), 'value');
    assert.deepEqual(rolesOf(group), { primary: 'alone-001', replicas: [] });
  });
});

describe('a primary that dies', () => {
  it('is replaced by a replica, at the same primary endpoint, and comes back as a replica', async (t) => {
    const group = await createGroup(client, {
      ReplicationGroupId: 'mortal',
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
    });
    const { primary } = endpointsOf(group);
    const writer = valkey(t, primary);
    await writer.set('key', 'value');
    await writer.wait(1, 5_000);
    const [leader] = await membersOf(limber, 'mortal');
    process.kill(leader?.pid ?? 0, 'SIGKILL');
    const again = valkey(t, primary);
    assert.equal(await eventually(() => again.get('key')), 'value');
    await eventually(async (see) => {
      const members = see(await membersOf(limber, 'mortal'));
      return members[0]?.role === 'replica' && members[1]?.role === 'primary';
    });
  });
});
