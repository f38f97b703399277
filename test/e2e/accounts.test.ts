import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  DeleteReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { createGroup, describeGroup, endpointsOf, groupDeleted } from './caches.ts';
import { valkey } from './engine-clients.ts';

const account = '222233334444';
const secrets = { accessKeyId: 'LKIAANOTHERACCOUNT22', secretAccessKey: 'b'.repeat(40) };

/** There is no command yet that makes a second account: its key is put into the state of a stopped Limber. */
async function addAccount(limber: Limber): Promise<ElastiCacheClient> {
  await limber.stop();
  const directory = limber.dataDirectory;
  const store = await openSqliteStore({ directory, clock: systemClock, log: silentLog });
  await store.commit([{ put: 'access-key', row: { ...secrets, account, name: 'another' } }]);
  await store.close();
  await limber.restart();
  return new ElastiCacheClient({ endpoint: limber.endpoint, region: 'us-east-1', credentials: secrets });
}

it('accounts stand side by side: neither sees nor touches the other’s caches, whatever their ids', async (t) => {
  const limber = await startLimber(t);
  const another = await addAccount(limber);
  t.after(() => another.destroy());
  const client = limber.client();
  const [ours, theirs] = [
    await createGroup(client, { ReplicationGroupId: 'orders' }),
    await createGroup(another, { ReplicationGroupId: 'orders', ReplicationGroupDescription: 'theirs' }),
  ];
  assert.equal(theirs.ARN, `arn:aws:elasticache:us-east-1:${account}:replicationgroup:orders`);
  await valkey(t, endpointsOf(ours).primary).set('key', 'ours');
  assert.equal(await valkey(t, endpointsOf(theirs).primary).get('key'), null);
  await another.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'orders' }));
  await groupDeleted(another, 'orders');
  assert.deepEqual((await another.send(new DescribeReplicationGroupsCommand({}))).ReplicationGroups, []);
  assert.equal((await describeGroup(client, 'orders')).Status, 'available');
  assert.equal(await valkey(t, endpointsOf(ours).primary).get('key'), 'ours');
});
