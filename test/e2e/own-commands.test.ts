/** What Limber itself asks of nodes: it stands in their slow log when everything does, and counts in INFO commandstats. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectResp, type RespClient } from '../../bench/lib/resp-client.ts';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { createGroup } from './caches.ts';
import { asLimber, pair, primaryOf, wholeAgain } from './faults.ts';

/** Commands and how often they were called. */
async function countsOf(node: RespClient): Promise<Record<string, number>> {
  const lines = String(await node.ask('INFO', 'commandstats')).split('\r\n');
  const counts = lines.flatMap((line) => {
    const [, name, count] = /^cmdstat_([a-z|]+):calls=(\d+)/.exec(line) ?? [];
    return name ? [[name, Number(count)] as const] : [];
  });
  return Object.fromEntries(counts);
}

describe('a primary of a cluster at rest', () => {
  it('gets from Limber one ROLE a second, one INFO and CLUSTER INFO in five, and nothing else', async (t) => {
    const limber = await startLimber(t);
    const shape = { ...pair, NumCacheClusters: undefined, NumNodeGroups: 1, ReplicasPerNodeGroup: 1 };
    await createGroup(limber.client(), { ReplicationGroupId: 'rest', ...shape, ClusterMode: 'enabled' });
    const node = primaryOf(await wholeAgain(limber, 'rest'));
    const [admin, client] = [await asLimber(limber, 'rest', node), await connectResp(node)];
    await admin.ask('CONFIG', 'RESETSTAT');
    const began = performance.now();
    // Two rounds of the shard's worker, which looks every five seconds. The engine counts our own INFO afterwards.
    const counts = await eventually(
      async (see) => {
        const seen = see(await countsOf(client));
        return (seen['cluster|info'] ?? 0) >= 2 && seen;
      },
      { deadlineMs: 20_000, intervalMs: 1_000 },
    );
    const seconds = (performance.now() - began) / 1_000;
    const own = Object.keys(counts).filter((name) => !['config|resetstat', 'replconf'].includes(name));
    assert.deepEqual(own.sort(), ['cluster|info', 'info', 'role']);
    assert.ok(counts.role! <= seconds * 1.2 + 2, `${counts.role} ROLE in ${seconds} s`);
    client.close();
    admin.close();
  });
});
