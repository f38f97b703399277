import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  DeleteReplicationGroupCommand,
  ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import { startLimber } from '../support/limber.ts';
import { createGroup, describeGroup, groupAvailable, small } from './caches.ts';

const limber = await startLimber();
const client = limber.client();

describe('two requests that race for one id', () => {
  it('end as one group and one ReplicationGroupAlreadyExists', async () => {
    const create = () =>
      client.send(
        new CreateReplicationGroupCommand({
          ReplicationGroupId: 'raced',
          ReplicationGroupDescription: 'e2e',
          Engine: 'valkey',
          CacheNodeType: small,
        }),
      );
    const results = await Promise.allSettled(Array.from({ length: 8 }, create));
    const refused = results.filter((result) => result.status === 'rejected');
    assert.deepEqual(
      refused.map((result) => result.reason.name),
      Array(7).fill('ReplicationGroupAlreadyExistsFault'),
    );
    await groupAvailable(client, 'raced');
    const { caches } = await limber.status();
    assert.equal(caches.filter((cache) => cache.id === 'raced').length, 1);
    assert.equal(caches.find((cache) => cache.id === 'raced')?.members.length, 1);
  });

  it('end as one cluster and one CacheClusterAlreadyExists', async () => {
    const create = () =>
      client.send(
        new CreateCacheClusterCommand({
          CacheClusterId: 'raced',
          Engine: 'memcached',
          CacheNodeType: small,
          NumCacheNodes: 1,
        }),
      );
    const results = await Promise.allSettled([create(), create()]);
    const names = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.name] : []));
    assert.deepEqual(names, ['CacheClusterAlreadyExistsFault']);
  });
});

describe('a request that is not signed by a key of this Limber', () => {
  before(async () => {
    await createGroup(client, { ReplicationGroupId: 'plain' });
  });

  const remove = new DeleteReplicationGroupCommand({ ReplicationGroupId: 'plain' });
  const clientWith = (accessKeyId: string, secretAccessKey: string) =>
    new ElastiCacheClient({
      endpoint: limber.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
    });

  it('with a wrong secret is refused and changes nothing', async () => {
    await assert.rejects(clientWith(limber.credentials.accessKeyId, 'wrong').send(remove), {
      name: 'SignatureDoesNotMatch',
    });
    assert.equal((await describeGroup(client, 'plain')).Status, 'available');
  });

  it('with an unknown key is refused and changes nothing', async () => {
    await assert.rejects(
      clientWith('AKIAIOSFODNN7EXAMPLE', limber.credentials.secretAccessKey).send(remove),
      {
        name: 'InvalidClientTokenId',
      },
    );
    assert.equal((await describeGroup(client, 'plain')).Status, 'available');
  });

  it('without any signature, as a form on any web page could send it, changes nothing', async () => {
    const response = await fetch(limber.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Action=DeleteReplicationGroup&Version=2015-02-02&ReplicationGroupId=plain',
    });
    assert.equal(response.status, 403);
    assert.match(await response.text(), /<Code>MissingAuthenticationToken<\/Code>/);
    assert.equal((await describeGroup(client, 'plain')).Status, 'available');
  });
});
