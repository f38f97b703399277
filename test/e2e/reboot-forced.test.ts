/** Reboots of nodes that a client keeps from answering: they end all the same. The rows of the fault matrix for reboots. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { RebootCacheClusterCommand, TestFailoverCommand } from '@aws-sdk/client-elasticache';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { createGroup, describeCluster, describeGroup, endpointsOf, messagesOf } from './caches.ts';
import { valkey } from './engine-clients.ts';
import {
  asLimber,
  endpointOf,
  engineAt,
  type Node,
  nodesOf,
  primaryOf,
  replicasOf,
  wholeAgain,
} from './faults.ts';

const limber = await startLimber();
const client = limber.client();
/** Of the whole reboot: five seconds of patience, an end that is not obeyed for five more, and a slow machine. */
const deadlineMs = 45_000;

const occupations = {
  'endless script': ['EVAL', "while true do redis.call('SET', KEYS[1], 'x') end", '1', 'busy'],
  'endless reading script': ['EVAL_RO', "while true do redis.call('GET', KEYS[1]) end", '1', 'busy'],
  'CLIENT PAUSE ALL': ['CLIENT', 'PAUSE', '600000', 'ALL'],
} as const;
type Occupation = keyof typeof occupations;

/** Returns when the node answers nobody any more. */
async function occupy(t: TestContext, node: Node, how: Occupation): Promise<void> {
  // Clients may not pause a node.
  const isPause = how === 'CLIENT PAUSE ALL';
  const stranger = await (isPause ? asLimber(limber, node.id.slice(0, -4), node) : connectResp(node, 1_000));
  t.after(() => stranger.close());
  void stranger.ask(...occupations[how]).catch(() => {});
  await eventually(async () => {
    const isSilent = await engineAt(node, 300).then(
      () => false,
      () => true,
    );
    return isSilent;
  });
}

/** Resolves when the reboot is over; to the events of the member since. */
async function reboot(member: string): Promise<readonly string[]> {
  await client.send(
    new RebootCacheClusterCommand({ CacheClusterId: member, CacheNodeIdsToReboot: ['0001'] }),
  );
  await eventually(
    async (see) => see((await describeCluster(client, member)).CacheClusterStatus) === 'available',
    { deadlineMs },
  );
  return messagesOf(client, member);
}

async function group(id: string, more: object = {}): Promise<readonly Node[]> {
  const shape = { NumCacheClusters: 2, AutomaticFailoverEnabled: true, CacheNodeType: 'cache.t4g.small' };
  await createGroup(client, { ReplicationGroupId: id, ...shape, ...more });
  return wholeAgain(limber, id);
}

describe('the reboot of a primary with automatic failover', () => {
  for (const [index, how] of (['endless script', 'CLIENT PAUSE ALL'] as const).entries())
    it(`${how} × primary × during reboot: it is killed, and the replica leads`, async (t) => {
      const id = `occupied-${index}`;
      const nodes = await group(id);
      const primary = primaryOf(nodes);
      const endpoint = await endpointOf(limber, id);
      const data = valkey(t, { host: endpoint.address, port: endpoint.port });
      await data.set('kept', 'yes');
      await data.wait(1, 5_000);
      await occupy(t, primary, how);
      const told = (await reboot(primary.id)).join('\n');
      assert.match(told, /it did not answer, and was killed for the restart that was asked for/);
      assert.match(told, /Cache node 0001 restarted/);
      const after = await wholeAgain(limber, id, { deadlineMs });
      assert.equal(primaryOf(after).id, `${id}-002`);
      assert.equal(await data.get('kept'), 'yes');
      if (how !== 'endless script') return;
      // What waited behind the reboot has its effect again.
      await client.send(new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' }));
      await eventually(async () => primaryOf(await nodesOf(limber, id)).id === `${id}-001`, { deadlineMs });
    });
});

describe('the reboot of a primary without automatic failover', () => {
  it('endless script × primary × during reboot: it leads again, with what its replica holds', async (t) => {
    const nodes = await group('manual', { AutomaticFailoverEnabled: false });
    const endpoint = endpointsOf(await describeGroup(client, 'manual')).primary;
    const data = valkey(t, endpoint);
    await data.set('kept', 'yes');
    await data.wait(1, 5_000);
    await occupy(t, primaryOf(nodes), 'endless script');
    await reboot('manual-001');
    const after = await wholeAgain(limber, 'manual', { deadlineMs });
    assert.equal(primaryOf(after).id, 'manual-001');
    assert.equal(await data.get('kept'), 'yes');
  });

  it('endless script × the only node × during reboot: it comes back', async (t) => {
    const [only] = await group('alone', { NumCacheClusters: 1, AutomaticFailoverEnabled: false });
    await occupy(t, only!, 'endless script');
    await reboot('alone-001');
    const [after] = await wholeAgain(limber, 'alone', { deadlineMs });
    assert.notEqual(after?.pid, only?.pid);
  });
});

describe('the reboot of a replica', () => {
  it('endless reading script × replica × during reboot: it is restarted', async (t) => {
    const nodes = await group('reader');
    const [replica] = replicasOf(nodes);
    await occupy(t, replica!, 'endless reading script');
    await reboot(replica!.id);
    const after = await wholeAgain(limber, 'reader', { deadlineMs });
    assert.notEqual(after.find(({ id }) => id === replica!.id)?.pid, replica!.pid);
    assert.equal(primaryOf(after).pid, primaryOf(nodes).pid);
  });
});
