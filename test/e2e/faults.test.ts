/** Faults on demand against real engines: what each does, what Limber makes of it, and what it refuses. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it, mock } from 'node:test';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { Redis } from 'iovalkey';
import type { FaultAnswer } from '../../src/admin/fault.ts';
import { run as runFault } from '../../src/cli/fault.ts';
import { readProcess } from '../../src/platform/proc.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive, type Limber, startLimber } from '../support/limber.ts';
import {
  createCluster,
  createGroup,
  describeGroup,
  endpointsOf,
  eventsOf,
  type HostPort,
  membersOf,
  messagesOf,
  rolesOf,
} from './caches.ts';

let limber: Limber;
let client: ElastiCacheClient;

before(async () => {
  limber = await startLimber();
  client = limber.client();
});

const fault = (kind: string, target?: string, more: object = {}) =>
  limber.admin('fault', { fault: kind, target, ...more }) as Promise<FaultAnswer>;

const member = async (id: string, name: string) => {
  const found = (await membersOf(limber, id)).find(
    (one) => one.id === name || `${one.id}/${one.cacheNodeId}` === name,
  );
  assert.ok(found, `${name} is a member`);
  return found;
};

/** Nothing is left to do in any shard of the cache. */
async function settled(id: string): Promise<void> {
  await eventually(
    async (see) =>
      see((await limber.status()).shards.filter((shard) => shard.cache === id)).every((one) => one.isSettled),
    { deadlineMs: 30_000 },
  );
}

/** One command over a connection of its own; gives up after a second. */
async function ask({ host, port }: HostPort, ...command: [string, ...string[]]): Promise<unknown> {
  const options = {
    connectTimeout: 1_000,
    commandTimeout: 1_000,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
  };
  const connection = new Redis({ host, port, ...options, retryStrategy: () => null });
  connection.on('error', () => {});
  try {
    await connection.connect();
    return await connection.call(...command);
  } finally {
    connection.disconnect();
  }
}

const group = (id: string, copies: number) =>
  createGroup(client, {
    ReplicationGroupId: id,
    NumCacheClusters: copies,
    ...(copies > 1 ? { AutomaticFailoverEnabled: true } : {}),
  });

describe('a killed primary', () => {
  it('is followed by a failover and by full redundancy, and what was hit is told', async () => {
    const before = await group('killed', 2);
    const { primary } = endpointsOf(before);
    await ask(primary, 'SET', 'kept', 'yes');
    const name = rolesOf(before).primary;
    const { pid, zone, address } = await member('killed', name);
    const answer = await fault('kill', name);
    assert.deepEqual(answer, {
      fault: 'kill',
      target: name,
      hit: [
        {
          node: name,
          cache: 'killed',
          region: 'us-east-1',
          account: '000000000000',
          zone,
          role: 'primary',
          address,
          port: 6379,
          pid,
          outcome: 'done',
        },
      ],
    });
    assert.equal(isAlive(pid!), false);
    assert.equal(await eventually(() => ask(primary, 'GET', 'kept')), 'yes');
    await eventually(async (see) => {
      const { primary: leads, replicas } = see(rolesOf(await describeGroup(client, 'killed')));
      return leads !== name && replicas.includes(name);
    });
    await settled('killed');
    assert.notEqual((await member('killed', name)).pid, pid);
  });

  it('is an event on its cache, before what followed from it', async () => {
    const events = await eventsOf(client, 'killed');
    const injected = events.find((event) => event.Message?.startsWith('Fault on demand: kill killed-00'));
    assert.equal(injected?.SourceType, 'replication-group');
    const messages = events.map((event) => event.Message ?? ''); // newest first
    const failover = messages.findIndex((message) => message.startsWith('Failover from primary node'));
    assert.ok(failover >= 0 && failover < messages.indexOf(injected?.Message ?? ''), messages.join('\n'));
  });
});

describe('a node that hangs', () => {
  it('as a primary with a replica is replaced', async () => {
    const before = await group('hung', 2);
    const { primary: name } = rolesOf(before);
    const { pid } = await member('hung', name);
    const answer = await fault('hang', name);
    assert.equal(answer.hit[0]?.outcome, 'done');
    await eventually(async (see) => see(rolesOf(await describeGroup(client, 'hung'))).primary !== name);
    await settled('hung');
    assert.equal(isAlive(pid!), false);
    assert.equal(rolesOf(await describeGroup(client, 'hung')).replicas.includes(name), true);
  });

  it('as the only copy is left alone until it is resumed, and keeps its data', async () => {
    const { primary } = endpointsOf(await group('lonely', 1));
    await ask(primary, 'SET', 'kept', 'yes');
    const { pid } = await member('lonely', 'lonely-001');
    await fault('hang', 'lonely-001');
    assert.equal((await fault('hang', 'lonely-001')).hit[0]?.outcome, 'unchanged');
    await eventually(async (see) => {
      const shard = see((await limber.status()).shards.find((one) => one.cache === 'lonely'));
      return shard?.sentence?.includes('hangs');
    });
    assert.equal(readProcess(pid!)?.state, 'T');
    assert.equal((await fault('resume', 'lonely-001')).hit[0]?.outcome, 'done');
    assert.equal((await fault('resume', 'lonely-001')).hit[0]?.outcome, 'unchanged');
    assert.equal(await eventually(() => ask(primary, 'GET', 'kept')), 'yes');
    await settled('lonely');
    assert.equal((await member('lonely', 'lonely-001')).pid, pid);
  });
});

describe('a whole availability zone', () => {
  it('is killed at once, over all caches, and everything comes back', async () => {
    await Promise.all([
      group('zoned', 3),
      createCluster(client, { CacheClusterId: 'zonedpages', Engine: 'memcached' }),
    ]);
    const nodes = (await limber.status()).caches.flatMap((cache) => cache.members);
    const inZone = nodes.filter((node) => node.zone === 'us-east-1a');
    const { hit } = await fault('kill', 'us-east-1a');
    assert.deepEqual(hit.map((one) => one.pid).sort(), inZone.map((node) => node.pid).sort());
    assert.ok(hit.some((one) => one.node === 'zonedpages/0001'));
    assert.ok(hit.every((one) => one.outcome === 'done' && one.zone === 'us-east-1a'));
    for (const { pid } of inZone) assert.equal(isAlive(pid!), false);
    await eventually(async (see) => see((await limber.status()).shards).every((shard) => shard.isSettled), {
      deadlineMs: 30_000,
    });
    const { primary } = endpointsOf(await describeGroup(client, 'zoned'));
    assert.equal(await eventually(() => ask(primary, 'SET', 'after', 'yes')), 'OK');
    const others = nodes.filter((node) => node.zone !== 'us-east-1a');
    assert.ok(others.length > 0 && others.every((node) => isAlive(node.pid!)));
  });
});

describe('a node of a Memcached cluster', () => {
  it('is named by cluster and number, and comes back empty under its address', async () => {
    await createCluster(client, { CacheClusterId: 'pages', Engine: 'memcached', NumCacheNodes: 2 });
    const old = await member('pages', 'pages/0002');
    const { hit } = await fault('kill', 'pages/0002');
    assert.deepEqual([hit[0]?.node, hit[0]?.cache, hit[0]?.pid], ['pages/0002', 'pages', old.pid]);
    const found = await eventually(async () => {
      const now = await member('pages', 'pages/0002');
      return now.pid !== old.pid && now;
    });
    assert.equal(found.address, old.address);
    assert.match((await messagesOf(client, 'pages')).join('\n'), /Fault on demand: kill pages\/0002/);
  });
});

describe('a fault', () => {
  const refused = async (body: object, code: string, message: RegExp) =>
    assert.rejects(limber.admin('fault', body), (error: Error & { code?: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });

  it('for a name that nobody has is refused with the names that there are', async () => {
    await group('named', 1);
    const names =
      /There is no node or availability zone orders-009 here\. Nodes: .*named-001.*\. Zones with nodes: us-east-1a/;
    await refused({ fault: 'kill', target: 'orders-009' }, 'CacheClusterNotFound', names);
    await refused({ fault: 'kill', target: 'named' }, 'CacheClusterNotFound', /named-001/);
    await refused({ fault: 'kill', target: 'us-east-1f' }, 'CacheClusterNotFound', /Zones with nodes/);
  });

  it('that does not exist, or has no target, is refused', async () => {
    await refused(
      { fault: 'burn', target: 'a' },
      'InvalidParameterValue',
      /expected one of kill, hang, resume, isolate, heal/,
    );
    await refused({ fault: 'kill' }, 'InvalidParameterValue', /needs a target/);
  });

  it('for a name of two regions is refused until the region is said', async () => {
    const west = limber.client({ region: 'us-west-2' });
    await group('twin', 1);
    await createGroup(west, { ReplicationGroupId: 'twin', NumCacheClusters: 1 });
    await refused(
      { fault: 'kill', target: 'twin-001' },
      'InvalidParameterCombination',
      /us-east-1 .*us-west-2/,
    );
    const { hit } = await fault('kill', 'twin-001', { region: 'us-west-2' });
    assert.deepEqual(
      hit.map(({ node, region, outcome }) => [node, region, outcome]),
      [['twin-001', 'us-west-2', 'done']],
    );
  });

  it('is given by the command, which prints what it hit', async () => {
    await group('spoken', 1);
    const { pid } = await member('spoken', 'spoken-001');
    const printed = await command('kill', 'spoken-001');
    assert.match(
      printed,
      new RegExp(`^spoken-001 +primary +us-east-1a +127\\.[\\d.]+:6379 +killed \\(pid ${pid}\\)$`),
    );
    await eventually(async (see) => see((await member('spoken', 'spoken-001')).pid) !== pid);
    await settled('spoken');
    const json = JSON.parse(await command('resume', 'spoken-001', '--json')) as FaultAnswer;
    assert.deepEqual([json.fault, json.hit[0]?.outcome], ['resume', 'unchanged']);
    await assert.rejects(command('kill', 'nobody'), /Nodes: .*spoken-001/);
    await assert.rejects(command('kill'), /name the node or zone to kill/);
    await assert.rejects(command('burn', 'spoken-001'), /there is no fault "burn": kill, hang/);
  });
});

/** What `limber fault …` prints. */
async function command(...args: string[]): Promise<string> {
  const print = mock.method(console, 'log', () => {});
  try {
    await runFault([...args, '--data', limber.dataDirectory]);
    return print.mock.calls.map((call) => String(call.arguments[0])).join('\n');
  } finally {
    print.mock.restore();
  }
}

/** Why nodes cannot be isolated here, or false. */
function cannotIsolate(): string | false {
  const nft = spawnSync('nft', ['list', 'tables'], { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
  if (nft.error) return 'nftables is not installed';
  return nft.status === 0 ? false : 'packet rules need root (or CAP_NET_ADMIN)';
}

describe('an isolated node', { skip: cannotIsolate() }, () => {
  // Rules outlive Limber and its test.
  after(() => fault('heal'));

  /** Every look shows the same picture. */
  async function unchangedFor(ms: number, picture: () => Promise<unknown>): Promise<void> {
    const first = await picture();
    const until = performance.now() + ms;
    for (let now = first; performance.now() < until; now = await picture()) assert.deepEqual(now, first);
  }

  it('that leads goes on leading, out of reach: it lives and cannot be fenced over the network, so nobody is promoted', async () => {
    const before = await group('cut', 2);
    const { primary, reader } = endpointsOf(before);
    await ask(primary, 'SET', 'kept', 'yes');
    const name = rolesOf(before).primary;
    const { pid, address } = await member('cut', name);
    assert.equal((await fault('isolate', name)).hit[0]?.outcome, 'done');
    assert.equal((await fault('isolate', name)).hit[0]?.outcome, 'unchanged');
    await assert.rejects(ask(primary, 'GET', 'kept'), 'its primary endpoint is out of reach with it');
    await assert.rejects(ask({ host: address, port: 6379 }, 'GET', 'kept'), 'and so is its own address');
    await eventually(async (see) => {
      const shard = see((await limber.status()).shards.find((one) => one.cache === 'cut'));
      return shard?.sentence?.startsWith(`${name} leads but does not answer at present`);
    });
    // Twice as long as a hang needs to be told, and several rounds of PINGs.
    await unchangedFor(2_500, async () => {
      const { shards, caches } = await limber.status();
      return {
        roles: rolesOf(await describeGroup(client, 'cut')),
        members: caches.find((cache) => cache.id === 'cut')?.members,
        isSettled: shards.find((shard) => shard.cache === 'cut')?.isSettled,
        messages: await messagesOf(client, 'cut'),
      };
    });
    assert.equal(await ask(reader, 'GET', 'kept'), 'yes', 'the replica serves all the while');

    assert.equal((await fault('heal', name)).hit[0]?.outcome, 'done');
    assert.equal(await eventually(() => ask(primary, 'SET', 'kept', 'longer')), 'OK');
    await settled('cut');
    assert.equal(await eventually(async () => (await ask(reader, 'GET', 'kept')) === 'longer'), true);
    assert.deepEqual(rolesOf(await describeGroup(client, 'cut')), rolesOf(before));
    assert.equal((await member('cut', name)).pid, pid);
    assert.doesNotMatch((await messagesOf(client, 'cut')).join('\n'), /Failover|Recovering|died/);
  });

  it('that is killed as well is followed by a failover, and the endpoint is within reach again at once', async () => {
    const before = await group('cutdead', 2);
    const { primary } = endpointsOf(before);
    const name = rolesOf(before).primary;
    await fault('isolate', name);
    await fault('kill', name);
    assert.equal(await eventually(() => ask(primary, 'SET', 'after', 'yes')), 'OK');
    assert.notEqual(rolesOf(await describeGroup(client, 'cutdead')).primary, name);
    const old = await member('cutdead', name);
    await assert.rejects(ask({ host: old.address, port: 6379 }, 'PING'), 'it stays isolated itself');
    assert.equal((await fault('heal', name)).hit[0]?.outcome, 'done');
    await settled('cutdead');
    assert.ok(rolesOf(await describeGroup(client, 'cutdead')).replicas.includes(name));
  });

  it('is one of many in a zone, and healing without a name heals them all and leaves no rule behind', async () => {
    const { hit } = await fault('isolate', 'us-east-1b');
    assert.ok(hit.length > 1 && hit.every((one) => one.zone === 'us-east-1b'));
    const healed = await fault('heal');
    assert.deepEqual(healed.hit.map((one) => one.node).sort(), hit.map((one) => one.node).sort());
    assert.deepEqual((await fault('heal')).hit, []);
    const rules = spawnSync('nft', ['list', 'ruleset'], {
      env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    });
    for (const { address } of hit) assert.equal(String(rules.stdout).includes(address), false);
    assert.equal(await command('heal'), 'No node was isolated.');
  });
});
