import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { CreateReplicationGroupCommand, DeleteReplicationGroupCommand } from '@aws-sdk/client-elasticache';
import { findServerProcesses } from '../../src/endpoints/memcached-configuration/control.ts';
import { cacheStatus, createCluster, createGroup, nodePids } from '../support/caches.ts';
import { runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive, type Limber, startLimber } from '../support/limber.ts';

describe('limber connect', () => {
  let limber: Limber;
  before(async () => {
    limber = await startLimber();
    await Promise.all([
      createGroup(limber, 'orders', { NumCacheClusters: 2, AutomaticFailoverEnabled: true }),
      createGroup(limber, 'slots', {
        NumNodeGroups: 2,
        ReplicasPerNodeGroup: 0,
        AutomaticFailoverEnabled: true,
      }),
      createCluster(limber, 'pages', { NumCacheNodes: 2 }),
    ]);
  });
  const connect = (words: string[], input = '', env = {}) =>
    runLimber(['connect', '--data', limber.dataDirectory, ...words], { input, env });

  it("runs the engine's own cli with commands from a pipe", async () => {
    const { code, stdout } = await connect(['orders'], 'SET greeting hello\nGET greeting\n');
    assert.deepEqual([code, stdout], [0, 'OK\nhello\n']);
  });

  it('hands over what stands behind --', async () => {
    const { code, stdout } = await connect(['orders', '--', 'SET', 'from', 'arguments']);
    assert.deepEqual([code, stdout], [0, 'OK\n']);
    assert.match((await connect(['orders', '--', '--version'])).stdout, /^valkey-cli /);
  });

  it('reaches one member of a group', async () => {
    const { members } = await cacheStatus(limber, 'orders');
    for (const { id, role } of members) {
      const { stdout } = await connect([id, '--', 'ROLE']);
      assert.match(stdout, role === 'primary' ? /^master\n/ : /^slave\n/);
    }
  });

  it('follows slots with cluster mode enabled', async () => {
    const input = Array.from({ length: 20 }, (_, index) => `SET key${index} ${index}\n`).join('');
    const { stdout } = await connect(['slots'], input);
    assert.equal(stdout.split('\n').filter((line) => line === 'OK').length, 20, stdout);
    assert.doesNotMatch(stdout, /MOVED/);
  });

  it('speaks lines with Memcached, which has no cli', async () => {
    const { code, stdout, stderr } = await connect(['pages'], 'set page 0 60 5\nhello\nget page\n');
    assert.match(stderr, /discover nodes only at a name that contains \.cfg\./);
    assert.deepEqual([code, stdout], [0, 'STORED\r\nVALUE page 0 5\r\nhello\r\nEND\r\n']);
    assert.match((await connect(['pages', '--', 'version'])).stdout, /^VERSION 1\.6\.\d+\r\n$/);
    assert.match(
      (await connect(['pages', '--', 'config', 'get', 'cluster'])).stdout,
      /^CONFIG cluster 0 \d+\r\n/,
    );
    assert.equal((await connect(['pages', '--', 'nonsense'])).code, 1);
  });

  it('finds a cache of another region than the one of the shell', async () => {
    const { stdout } = await connect(['orders', '--', 'PING'], '', { AWS_REGION: 'eu-west-1' });
    assert.equal(stdout, 'PONG\n');
    const { code, stderr } = await connect(['orders', '--region', 'eu-west-1']);
    assert.match(stderr, /^limber: There is no replication group, cluster or member orders here/);
    assert.equal(code, 1);
  });

  it('names the caches there are when it finds none', async () => {
    const { code, stderr } = await connect(['nobody']);
    assert.match(stderr, /^limber: There is no .* nobody here\. There is: orders, pages, slots\.\n$/);
    assert.equal(code, 1);
  });
});

describe('limber status', () => {
  it('shows caches and where they are, as a table and as JSON', async (t) => {
    const limber = await startLimber(t);
    assert.match(
      (await runLimber(['status', '--data', limber.dataDirectory])).stdout,
      /\n\nNo caches yet\.\n$/,
    );
    const { endpoints } = await createGroup(limber, 'orders');
    const primary = endpoints.find(({ purpose }) => purpose === 'primary');
    const table = await runLimber(['status', '--data', limber.dataDirectory]);
    assert.equal(table.code, 0);
    assert.match(
      table.stdout,
      new RegExp(`^Limber \\S+ serves at ${limber.endpoint} \\(pid ${limber.pid}, since `),
    );
    const row = `^orders +valkey \\S+ +available +1 +us-east-1 +${primary?.address}:6379 \\(primary\\)$`;
    assert.match(table.stdout, new RegExp(row, 'm'));
    assert.ok(!table.stdout.includes('\u001b'), 'no colours without a terminal');
    const json = JSON.parse((await runLimber(['status', '--json', '--data', limber.dataDirectory])).stdout);
    assert.deepEqual([json.running, json.port, json.caches[0].id], [true, limber.port, 'orders']);
  });

  it('says which step of an operation holds a cache, what it waits for and for how long', async (t) => {
    const limber = await startLimber(t, { settings: { hangAfterMs: 600_000 } });
    await createGroup(limber, 'orders');
    const [pid = 0] = await nodePids(limber, 'orders');
    process.kill(pid, 'SIGSTOP');
    t.after(() => isAlive(pid) && process.kill(pid, 'SIGCONT'));
    const retaining = { ReplicationGroupId: 'orders', RetainPrimaryCluster: true };
    await limber.client().send(new DeleteReplicationGroupCommand(retaining));
    const line =
      /^ {2}orders delete-cache \(retaining\): the shard has no living primary at present.*, for \d+ m?s \(at this step for \d+ m?s of at most 11 min\)$/m;
    await eventually(async (see) =>
      line.test(see((await runLimber(['status', '--data', limber.dataDirectory])).stdout)),
    );
    const { operations } = await limber.status();
    assert.deepEqual(
      operations.map(({ kind, cache, step, activity, attempts }) => [kind, cache, step, activity, attempts]),
      [['delete-cache', 'orders', 'retaining', 'waiting', 0]],
    );
    process.kill(pid, 'SIGCONT');
    await eventually(async (see) => see((await limber.status()).operations).length === 0);
  });

  it('ends with exit code 3 when Limber is not running, and counts the nodes that go on', async (t) => {
    const limber = await startLimber(t);
    await createGroup(limber, 'orders');
    await limber.stop();
    const { code, stdout } = await runLimber(['status', '--data', limber.dataDirectory]);
    assert.match(stdout, /^Limber is not running \(.*\); 1 cache node runs on\. To start it: /);
    assert.equal(code, 3);
    const json = await runLimber(['status', '--json', '--data', limber.dataDirectory]);
    assert.deepEqual(
      [json.code, JSON.parse(json.stdout).running, JSON.parse(json.stdout).nodes],
      [3, false, 1],
    );
  });
});

describe('stopping Limber', () => {
  it('disturbs no cache: SIGTERM, SIGKILL and limber down leave every process, and the next Limber adopts it', async (t) => {
    const limber = await startLimber(t);
    await createGroup(limber, 'orders', { NumCacheClusters: 2, AutomaticFailoverEnabled: true });
    const pids = await nodePids(limber, 'orders');
    assert.equal(pids.filter(isAlive).length, 2);
    const connect = (...words: string[]) =>
      runLimber(['connect', '--data', limber.dataDirectory, 'orders', '--', ...words]);
    await connect('SET', 'kept', 'yes');
    const ends = [
      () => limber.stop(),
      () => limber.kill(),
      async () => {
        const { code, stdout } = await runLimber(['down', '--data', limber.dataDirectory]);
        assert.deepEqual([code, stdout], [0, 'Limber has stopped. Caches go on.\n']);
        await limber.ended;
      },
    ];
    for (const end of ends) {
      await end();
      await eventually(() => !limber.isRunning);
      assert.equal(pids.filter(isAlive).length, 2);
      await limber.restart();
      assert.deepEqual(await nodePids(limber, 'orders'), pids);
      assert.equal((await connect('GET', 'kept')).stdout, 'yes\n');
    }
  });
});

describe('limber down', () => {
  it('says so when Limber is not running', async (t) => {
    const limber = await startLimber(t);
    await limber.stop();
    for (const words of [['down'], ['down', '--caches']]) {
      const { code, stdout } = await runLimber([...words, '--data', limber.dataDirectory]);
      assert.match(stdout, /^Limber is not running/);
      assert.equal(code, 0);
    }
  });

  it('--caches stops nothing without a terminal to ask on, but says what would be lost', async (t) => {
    const limber = await startLimber(t);
    await createGroup(limber, 'orders');
    const { code, stdout, stderr } = await runLimber(['down', '--caches', '--data', limber.dataDirectory]);
    assert.match(stdout, /^Stopping 1 cache\. What these hold is lost.*:\n {2}orders \(valkey\)/);
    assert.equal(stderr, 'limber: nothing was stopped: without a terminal to ask on, say --yes\n');
    assert.equal(code, 1);
    assert.ok(limber.isRunning);
    assert.equal((await nodePids(limber, 'orders')).filter(isAlive).length, 1);
  });

  for (const isServing of [true, false]) {
    it(`--caches --yes stops every engine and Limber, ${isServing ? 'which serves' : 'also when Limber is not running'}`, async (t) => {
      const limber = await startLimber(t);
      await Promise.all([
        createGroup(limber, 'orders', { NumCacheClusters: 2 }),
        createCluster(limber, 'pages'),
      ]);
      const pids = [...(await nodePids(limber, 'orders')), ...(await nodePids(limber, 'pages'))];
      if (!isServing) await limber.stop();
      const { code, stdout, stderr } = await runLimber([
        'down',
        '--caches',
        '--yes',
        '--data',
        limber.dataDirectory,
      ]);
      assert.match(stdout, /^3 nodes have stopped, and Limber too\.$/m, stderr);
      assert.equal(code, 0);
      assert.deepEqual(pids.filter(isAlive), []);
      assert.equal(limber.isRunning, false);
    });
  }

  it('--caches ends the configuration server as well, also one that hangs', async (t) => {
    const limber = await startLimber(t);
    await createCluster(limber, 'pages');
    const servers = () => findServerProcesses(join(limber.dataDirectory, 'endpoints', 'memcached'));
    const [server, ...others] = servers();
    assert.ok(server);
    assert.deepEqual(others, []);
    process.kill(server, 'SIGSTOP');
    const { code } = await runLimber(['down', '--caches', '--yes', '--data', limber.dataDirectory]);
    assert.equal(code, 0);
    await eventually(async (see) => see(servers()).length === 0);
  });

  it('--caches during creations stops what there is of them, and the next Limber makes them', async (t) => {
    const limber = await startLimber(t);
    const ids = ['one', 'two', 'three', 'four'];
    const asked = ids.map((ReplicationGroupId) =>
      limber.client().send(
        new CreateReplicationGroupCommand({
          ...{ ReplicationGroupId, ReplicationGroupDescription: 'made by a test', Engine: 'valkey' },
          ...{ CacheNodeType: 'cache.t4g.small', NumNodeGroups: 2, ReplicasPerNodeGroup: 1 },
        }),
      ),
    );
    await Promise.all(asked);
    const down = await runLimber(['down', '--caches', '--yes', '--data', limber.dataDirectory]);
    assert.equal(down.code, 0, down.stderr);
    await limber.restart();
    await eventually(
      async (see) => {
        const { caches } = await limber.status();
        const statuses = see(caches.map(({ id, status }) => `${id} ${status}`));
        assert.ok(!statuses.some((status) => status.endsWith('create-failed')), statuses.join());
        return statuses.length === ids.length && statuses.every((status) => status.endsWith('available'));
      },
      { deadlineMs: 60_000 },
    );
  });

  it('--caches is undone by the next start: the caches come back under the same names', async (t) => {
    const limber = await startLimber(t);
    await createGroup(limber, 'orders');
    await runLimber(['down', '--caches', '--yes', '--data', limber.dataDirectory]);
    await limber.restart();
    const words = ['connect', '--data', limber.dataDirectory, 'orders', '--', 'PING'];
    await eventually(async (see) => see(await runLimber(words)).stdout === 'PONG\n', { deadlineMs: 20_000 });
  });
});
