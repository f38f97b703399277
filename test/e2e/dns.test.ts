/** Names of endpoints, looked up as programs do it, and followed to the engines. */
import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { connect, type LookupFunction, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { DeleteReplicationGroupCommand, ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { callAdmin, type LimberStatus } from '../../src/cli/admin-client.ts';
import { readRootCredentials } from '../../src/security/root-credentials.ts';
import { type RunningServer, startServer } from '../../src/server.ts';
import { eventually } from '../support/eventually.ts';
import { claimScratch, type Scratch } from '../support/scratch.ts';
import {
  at,
  createCluster,
  createGroup,
  describeGroup,
  endpointsOf,
  groupDeleted,
  type HostPort,
  rolesOf,
} from './caches.ts';

const zone = 'cache.test';

let scratch: Scratch;
let server: RunningServer;
let client: ElastiCacheClient;
let status: () => Promise<LimberStatus>;
const resolver = new Resolver({ timeout: 2_000, tries: 2 });

before(async () => {
  scratch = await claimScratch();
  const { dataDirectory, pool } = scratch;
  // In this process: a free port for DNS is asked for here and known only here.
  server = await startServer({
    port: 0,
    dataDirectory,
    pool,
    dnsZone: zone,
    dnsPort: 0,
    logLevel: 'error',
  });
  const credentials = (await readRootCredentials(dataDirectory))!;
  const endpoint = `http://127.0.0.1:${server.port}`;
  client = new ElastiCacheClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
  status = () => callAdmin(server.port, credentials, 'status', {}) as Promise<LimberStatus>;
  resolver.setServers([`127.0.0.1:${server.dnsPort}`]);
});

after(async () => {
  client?.destroy();
  await server?.close();
  await scratch?.release();
});

/** `address` of each member of a cache, and the process behind it. */
async function membersOf(id: string) {
  return (await status()).caches.find((cache) => cache.id === id)?.members ?? [];
}

const lookup: LookupFunction = (name, _options, callback) => {
  resolver.resolve4(name).then(
    (found) =>
      callback(
        null,
        found.map((address) => ({ address, family: 4 })),
      ),
    (error: NodeJS.ErrnoException) => callback(error, []),
  );
};

/** Sends one line to a name, as a client would that knows nothing else; resolves with the first answer's text. */
async function say({ host, port }: HostPort, line: string): Promise<string> {
  const socket: Socket = connect({ host, port, lookup });
  try {
    socket.setTimeout(2_000, () => socket.destroy(new Error(`${host} does not answer`)));
    socket.write(`${line}\r\n`);
    for await (const chunk of socket as AsyncIterable<Buffer>) return chunk.toString('utf8');
    throw new Error(`${host} hung up`);
  } finally {
    socket.destroy();
  }
}

describe('a replication group with DNS', () => {
  before(() =>
    createGroup(client, {
      ReplicationGroupId: 'orders',
      NumCacheClusters: 3,
      AutomaticFailoverEnabled: true,
    }),
  );

  it('is shown with names of the zone, and they lead to its engines', async () => {
    const { primary, reader } = endpointsOf(await describeGroup(client, 'orders'));
    assert.match(primary.host, /^orders\.[a-z0-9]{6}\.ng\.0001\.use1\.cache\.test$/);
    assert.match(reader.host, /^orders-ro\.[a-z0-9]{6}\.ng\.0001\.use1\.cache\.test$/);
    assert.match(await say(primary, 'SET greeting hello'), /^\+OK/);
    await eventually(async (see) => see(await say(reader, 'GET greeting')).includes('hello'));
    assert.match(await say(reader, 'SET greeting bye'), /^-READONLY/);
  });

  it('has a reader endpoint whose name leads to every replica, in turn', async () => {
    const group = await describeGroup(client, 'orders');
    const { reader } = endpointsOf(group);
    const { replicas } = rolesOf(group);
    const addresses = (await membersOf('orders'))
      .filter((member) => replicas.includes(member.id))
      .map((member) => member.address);
    // One that is slow to answer at this moment is left out at this moment.
    const answers = await eventually(async (see) => {
      const two = [await resolver.resolve4(reader.host), await resolver.resolve4(reader.host)];
      return see(two).every((answer) => [...answer].sort().join() === [...addresses].sort().join()) && two;
    });
    assert.notEqual(answers[0]?.[0], answers[1]?.[0]);
  });

  it('keeps the address of its primary endpoint over a failover, and leaves the new primary out of the readers', async () => {
    const before = await describeGroup(client, 'orders');
    const { primary, reader } = endpointsOf(before);
    const address = await resolver.resolve4(primary.host);
    const old = (await membersOf('orders')).find((member) => member.id === rolesOf(before).primary)!;
    process.kill(old.pid!, 'SIGKILL');
    await eventually(async (see) => /^\+OK/.test(see(await say(primary, 'SET after failover'))));
    assert.deepEqual(await resolver.resolve4(primary.host), address);
    // The new primary takes writes some milliseconds before it is recorded; the dead one is back as a replica in the end.
    const settled = await eventually(async (see) => {
      const group = await describeGroup(client, 'orders');
      if (rolesOf(group).primary === old.id) return null;
      const replicas = rolesOf(group).replicas;
      const members = (await membersOf('orders')).filter((member) => replicas.includes(member.id));
      const wanted = members.map((member) => member.address).sort();
      const given = see((await resolver.resolve4(reader.host)).sort());
      return wanted.length === 2 && given.join() === wanted.join() ? { given } : null;
    });
    assert.ok(settled.given.includes(old.address));
  });

  it('answers for each member, and for no IPv6', async () => {
    const group = await describeGroup(client, 'orders');
    const members = await membersOf('orders');
    for (const shown of group.NodeGroups?.[0]?.NodeGroupMembers ?? []) {
      const { host } = at(shown.ReadEndpoint);
      const member = members.find((one) => one.id === shown.CacheClusterId);
      assert.deepEqual(await resolver.resolve4(host), [member?.address]);
      await assert.rejects(resolver.resolve6(host), { code: 'ENODATA' });
    }
  });

  it('takes its names along when it is deleted', async () => {
    const { primary, reader } = endpointsOf(await describeGroup(client, 'orders'));
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'orders' }));
    await groupDeleted(client, 'orders');
    for (const { host } of [primary, reader])
      await assert.rejects(resolver.resolve4(host), { code: 'ENOTFOUND' });
  });
});

describe('a reader endpoint without replicas', () => {
  it('has a name that leads to the primary', async () => {
    const { reader } = endpointsOf(
      await createGroup(client, { ReplicationGroupId: 'single', NumCacheClusters: 1 }),
    );
    assert.match(await say(reader, 'SET alone yes'), /^\+OK/);
  });
});

describe('a cluster-mode group with DNS', () => {
  it('has a configuration endpoint whose name leads to a node', async () => {
    const group = await createGroup(client, {
      ReplicationGroupId: 'catalog',
      ClusterMode: 'enabled',
      NumNodeGroups: 1,
      ReplicasPerNodeGroup: 1,
      AutomaticFailoverEnabled: true,
    });
    const configuration = at(group.ConfigurationEndpoint);
    assert.match(configuration.host, /^catalog\.[a-z0-9]{6}\.clustercfg\.use1\.cache\.test$/);
    assert.match(await say(configuration, 'CLUSTER INFO'), /cluster_state:ok/);
  });
});

describe('a Memcached cluster with DNS', () => {
  it('lists its nodes by name, and the names lead to them', async () => {
    const cluster = await createCluster(client, {
      CacheClusterId: 'pages',
      Engine: 'memcached',
      NumCacheNodes: 2,
    });
    const configuration = at(cluster.ConfigurationEndpoint);
    assert.match(configuration.host, /^pages\.[a-z0-9]{6}\.cfg\.use1\.cache\.test$/);
    const list = await say(configuration, 'config get cluster');
    const nodes = [...list.matchAll(/(\S+)\|([\d.]+)\|(\d+)/g)];
    assert.equal(nodes.length, 2);
    for (const [, host = '', ip, port] of nodes) {
      assert.match(host, /^pages\.[a-z0-9]{6}\.000[12]\.use1\.cache\.test$/);
      assert.deepEqual(await resolver.resolve4(host), [ip]);
      assert.match(await say({ host, port: Number(port) }, 'version'), /^VERSION 1\.6/);
    }
  });
});

describe('other names', () => {
  it('are refused outside of the zone and unknown within', async () => {
    await assert.rejects(resolver.resolve4('example.com'), { code: 'EREFUSED' });
    await assert.rejects(resolver.resolve4(`nobody.${zone}`), { code: 'ENOTFOUND' });
    const [authority] = [await resolver.resolveSoa(zone)];
    assert.equal(authority.nsname, `ns.${zone}`);
  });
});
