/**
 * Limber dies in the middle of something that ends processes, a node dies while it is away, and the next Limber goes on:
 * by the facts that it finds, and never with the last copy.
 */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { CreateReplicationGroupCommand, IncreaseReplicaCountCommand } from '@aws-sdk/client-elasticache';
import { atRest, leftovers, readRows } from '../chaos/leftovers.ts';
import { createCluster, createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { occupy } from '../support/occupy.ts';
import { describeCluster, describeGroup } from './caches.ts';
import { valkey, valkeyCluster } from './engine-clients.ts';
import { engineAt, kill, type Node, primaryOf, wholeAgain } from './faults.ts';
import {
  clusterPair,
  deleteGroup,
  dieAt,
  fill,
  filledGroup,
  holdsTheKeys,
  keyCount,
  removals,
} from './last-copy.ts';

let limber: Limber;
before(async () => {
  limber = await startLimber();
});

const nodeRow = (id: string) => readRows(limber).nodes.find((node) => node.id === id)!;

/** Dies once more at `point`, without anything being asked for. */
async function dieAgainAt(point: string): Promise<void> {
  await limber.restart({ env: { LIMBER_FAULT_POINT: point } }).catch(() => {});
  assert.equal(await limber.ended, 'SIGKILL', `it died at ${point}`);
}

/** Of two new members the second one cannot start; Limber dies when it takes them back, and then the old primary. */
async function failsToGrow(
  t: TestContext,
  {
    ask,
    kind,
    undoing,
    copy,
    stuck,
    primary,
  }: {
    readonly ask: () => Promise<unknown>;
    readonly kind: string;
    readonly undoing: string;
    readonly copy: string;
    readonly stuck: string;
    readonly primary: Node;
  },
): Promise<void> {
  await dieAt(limber, `${kind}:syncing`, ask);
  const { address, port } = nodeRow(stuck);
  const occupation = await occupy(t, address, port);
  await dieAgainAt(`${kind}:${undoing}`);
  await eventually(async () => (await engineAt(nodeRow(copy))).keys === keyCount);
  kill(primary);
  await limber.restart();
  await atRest(limber, 60_000);
  await occupation.end();
}

describe('new members that are taken back by the Limber after one that died, while the old primary dies', () => {
  const kinds = {
    'automatic failover off': { NumCacheClusters: 1 },
    'cluster mode': { ...clusterPair, ReplicasPerNodeGroup: 0 },
  } as const;
  for (const [title, input] of Object.entries(kinds))
    it(`cost no key (IncreaseReplicaCount, ${title})`, async (t) => {
      const id = `grown-${title.slice(0, 1)}`;
      const prefix = title === 'cluster mode' ? `${id}-0001` : id;
      const [primary] = await filledGroup(limber, id, input);
      const increase = new IncreaseReplicaCountCommand({
        ReplicationGroupId: id,
        NewReplicaCount: 2,
        ApplyImmediately: true,
      });
      await failsToGrow(t, {
        ask: () => limber.client().send(increase),
        kind: 'add-members',
        undoing: 'undoing',
        copy: `${prefix}-002`,
        stuck: `${prefix}-003`,
        primary: primary!,
      });
      await holdsTheKeys(limber, id);
      await deleteGroup(limber, id);
    });

  for (const isAutomatic of [false, true])
    it(`cost no key (a group around an existing node, automatic failover ${isAutomatic ? 'on' : 'off'})`, async (t) => {
      const [single, id] = [`single-${isAutomatic}`, `family-${isAutomatic}`];
      await createCluster(limber, single, { Engine: 'redis', CacheNodeType: 'cache.t4g.small' });
      const [own] = await wholeAgain(limber, single);
      await fill(own!);
      const create = new CreateReplicationGroupCommand({
        ReplicationGroupId: id,
        ReplicationGroupDescription: 'e2e',
        PrimaryClusterId: single,
        NumCacheClusters: 3,
        AutomaticFailoverEnabled: isAutomatic,
      });
      await failsToGrow(t, {
        ask: () => limber.client().send(create),
        kind: 'create-from-primary',
        undoing: 'returning',
        copy: `${id}-001`,
        stuck: `${id}-002`,
        primary: own!,
      });
      assert.equal((await describeGroup(limber.client(), id)).Status, 'create-failed');
      const cluster = await describeCluster(limber.client(), single);
      assert.deepEqual([cluster.CacheClusterStatus, cluster.ReplicationGroupId], ['available', undefined]);
      await holdsTheKeys(limber, single);
      await deleteGroup(limber, id);
    });
});

describe('a tombstone that is withdrawn by a Limber that dies', () => {
  const id = 'again';

  it('leaves a member that leads, that the whole cluster knows, and that leaves once another one has its data', async (t) => {
    await createGroup(limber, id, { ...clusterPair, NumNodeGroups: 3 });
    const nodes = await wholeAgain(limber, id);
    const data = valkeyCluster(t, { host: nodes[0]!.address, port: nodes[0]!.port });
    await Promise.all(Array.from({ length: keyCount }, (_, key) => data.set(`key-${key}`, key)));
    await eventually(() => readRows(limber).nodes.every((node) => !node.id.startsWith(id) || node.synced));
    await dieAt(limber, 'remove-members:destroying', () =>
      removals['DecreaseReplicaCount by name'](limber, id, `${id}-0002-002`),
    );
    kill(primaryOf(nodes, '0002'));
    await dieAgainAt('tombstone:withdrawn');
    await limber.restart();
    await atRest(limber, 60_000);
    const whole = await wholeAgain(limber, id);
    assert.deepEqual(
      whole.filter((node) => node.nodeGroupId === '0002').map((node) => node.id),
      [`${id}-0002-001`],
    );
    await eventually(async (see) => {
      const views = await Promise.all(
        whole.map(async ({ address: host, port }) =>
          String(await valkey(t, { host, port }).call('CLUSTER', 'NODES'))
            .trim()
            .split('\n'),
        ),
      );
      return see(views).every((view) => view.length === whole.length);
    });
    const values = await Promise.all(Array.from({ length: keyCount }, (_, key) => data.get(`key-${key}`)));
    assert.equal(values.filter((value) => value !== null).length, keyCount);
    assert.deepEqual(await leftovers(limber), []);
    await deleteGroup(limber, id);
  });
});
