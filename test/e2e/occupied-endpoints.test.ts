/** Endpoints whose addresses a program of somebody else has taken while nobody bound them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { findServerProcesses } from '../../src/endpoints/memcached-configuration/control.ts';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { occupy } from '../support/occupy.ts';
import { createCluster, createGroup, describeGroup, messagesOf } from './caches.ts';
import { cacheOf, endpointOf, engineAt, kill, nodesOf, pair, primaryOf, replicasOf } from './faults.ts';

const limber = await startLimber();
const client = limber.client();
const clusterMode = {
  ...{ NumCacheClusters: undefined, NumNodeGroups: 1, ReplicasPerNodeGroup: 1 },
  ClusterMode: 'enabled',
} as const;
const us = `is held by process ${process.pid} `;

const says = (id: string, part: string) =>
  eventually(async (see) => see(await messagesOf(client, id)).some((message) => message.includes(part)));
const concernOf = async (id: string) =>
  (await limber.status()).shards.find(({ cache }) => cache === id)?.concern ?? null;

describe('an endpoint whose address somebody else has taken', () => {
  for (const [id, purpose, shape] of [
    ['plain', 'primary', {}],
    ['slots', 'configuration', clusterMode],
  ] as const)
    it(`is told in an event, in the status and by Describe, and taken as soon as it is free (${purpose})`, async (t) => {
      await createGroup(client, { ReplicationGroupId: id, ...pair, ...shape });
      const endpoint = await endpointOf(limber, id, purpose);
      const before = await nodesOf(limber, id);
      await limber.kill();
      kill(...before);
      const occupation = await occupy(t, endpoint.address, endpoint.port);
      await limber.restart();
      await says(id, `The ${purpose} endpoint is not served: ${endpoint.address}:${endpoint.port} ${us}`);
      assert.match(
        (await concernOf(id)) ?? '',
        new RegExp(`the ${purpose} endpoint of ${id} is not served: .*${us}`),
      );
      assert.equal((await describeGroup(client, id)).Status, 'modifying');
      // The rest is looked after as ever.
      const nodes = await eventually(async (see) => {
        const seen = see(await nodesOf(limber, id));
        return seen.every(({ role, pid }) => role !== null && !before.some((old) => old.pid === pid)) && seen;
      });
      const [replica] = replicasOf(nodes);
      kill(replica!);
      await eventually(async (see) => {
        const now = see(await nodesOf(limber, id)).find((node) => node.id === replica!.id)!;
        return now.pid !== replica!.pid && (await engineAt(now)).upstream?.isUp;
      });
      await occupation.end();
      await says(id, `The ${purpose} endpoint ${endpoint.address}:${endpoint.port} is served again`);
      await eventually(async (see) => see((await describeGroup(client, id)).Status) === 'available');
      assert.equal(await askOnce(endpoint, 'PING'), 'PONG');
      await eventually(async (see) => see(await concernOf(id)) === null);
      assert.ok(primaryOf(await nodesOf(limber, id)));
    });

  it('of Memcached, is told in an event and in the status, and served as soon as it is free', async (t) => {
    await createCluster(client, { CacheClusterId: 'listed', Engine: 'memcached' });
    const { endpoints } = await cacheOf(limber, 'listed');
    const { address, port } = endpoints.find(({ purpose }) => purpose === 'configuration')!;
    await limber.kill();
    for (const pid of findServerProcesses(join(limber.dataDirectory, 'endpoints', 'memcached')))
      process.kill(pid, 'SIGKILL');
    const occupation = await occupy(t, address, port);
    await limber.restart();
    await says('listed', `The configuration endpoint is not served: ${address}:${port} ${us}`);
    const finding = async () =>
      (await limber.status()).findings.some((one) =>
        one.startsWith('the configuration endpoint of listed is not served'),
      );
    assert.ok(await finding());
    await occupation.end();
    await says('listed', `The configuration endpoint ${address}:${port} is served again`);
    assert.ok(!(await finding()));
  });
});
