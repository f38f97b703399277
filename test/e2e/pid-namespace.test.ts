/** A Limber that is started in another PID namespace than its nodes, as in a container that shares network and data. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { DeleteCacheClusterCommand } from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { askHealth } from '../../src/cli/start-record.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, limberProgram, startLimber } from '../support/limber.ts';
import { createCluster, createGroup, messagesOf } from './caches.ts';
import { endpointOf, isAlive, kill, nodesOf, pair, primaryOf, replicasOf, wholeAgain } from './faults.ts';

const unshare = ['--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL'];
const isAllowed = spawnSync('unshare', [...unshare, 'true']).status === 0;
const skip = isAllowed ? false : 'a PID namespace takes the right to make one';

/** Resolves when it serves, on the same port. It ends with the test, or by `kill`. */
async function startInNamespace(
  t: TestContext,
  { port, dataDirectory, pool }: Limber,
): Promise<ChildProcess> {
  const command = [limberProgram, 'up', '--port', `${port}`, '--data', dataDirectory, '--pool', pool];
  const child = spawn('unshare', [...unshare, ...command], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  await eventually(async () => (await askHealth(port)) !== null, { deadlineMs: 20_000 });
  return child;
}

describe('a Limber that cannot see the processes of its nodes', { skip }, () => {
  it('says so, declares no loss, starts nobody twice, and takes over when one of them is really gone', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    await createGroup(client, { ReplicationGroupId: 'pair', ...pair });
    await createCluster(client, { CacheClusterId: 'listed', Engine: 'memcached' });
    await askOnce(await endpointOf(limber, 'pair'), 'SET', 'key', 'value');
    const before = [...(await wholeAgain(limber, 'pair')), ...(await nodesOf(limber, 'listed'))];
    await limber.stop();

    const child = await startInNamespace(t, limber);
    const { findings } = await limber.status();
    for (const { id, address, port, pid } of before)
      assert.ok(
        findings.some((one) =>
          one.startsWith(`${id} answers at ${address}:${port}, but process ${pid} is not seen`),
        ),
        findings.join('\n'),
      );
    await eventually(async (see) => see((await limber.status()).shards).every(({ isSettled }) => isSettled));
    // What is asked for waits: nobody else can end that process.
    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'listed' }));
    await eventually(async (see) =>
      see((await limber.status()).operations).some(({ lastError }) =>
        /process \d+ of listed did not end/.test(lastError ?? ''),
      ),
    );
    assert.ok(before.every(isAlive));
    const said = await messagesOf(client, 'pair-001');
    assert.match(said[0] ?? '', /answers at .*, and Limber does not see its process/);
    assert.ok(!said.some((message) => /died|lost/.test(message)), said.join('\n'));

    // One that is really gone is replaced, here by a process that is seen.
    const [old, heir] = [
      primaryOf(await nodesOf(limber, 'pair')),
      replicasOf(await nodesOf(limber, 'pair'))[0]!,
    ];
    kill(before.find(({ id }) => id === old.id)!);
    await eventually(
      async (see) => {
        const nodes = see(await nodesOf(limber, 'pair'));
        return primaryOf(nodes)?.id === heir.id && replicasOf(nodes).length === 1;
      },
      { deadlineMs: 20_000 },
    );
    assert.equal(await askOnce(await endpointOf(limber, 'pair'), 'GET', 'key'), 'value');

    child.kill('SIGKILL');
    await once(child, 'exit');
    await limber.restart();
    await wholeAgain(limber, 'pair');
    await eventually(async (see) => see((await limber.status()).caches).every(({ id }) => id !== 'listed'), {
      deadlineMs: 20_000,
    });
  });
});
