/**
 * Planned switchovers in cluster mode, one after the other. Redis 7.0 and Valkey 8.0 give no vote for a shard whose
 * primary was voted for within twice the node timeout (30 s), so that a switchover must not depend on one.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { limberSystem } from '../../bench/failover/limber-system.ts';
import { measureFailover } from '../../bench/failover/system.ts';
import { createGroup } from '../support/caches.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { anotherLeads, asLimber, kill, primaryOf, wholeAgain } from './faults.ts';

const engines = [
  { engine: 'valkey', version: '9.1' },
  { engine: 'valkey', version: '8.1' },
  { engine: 'valkey', version: '8.0' },
  { engine: 'redis', version: '7.0' },
] as const;

const isFull = process.env.LIMBER_TEST_FULL === '1';
const id = 'orders';
/** Far more than a switchover takes on a busy machine, far less than the engines' 15 s. */
const gapMaxMs = 2_000;

for (const { engine, version } of engines)
  describe(`switchovers of ${engine} ${version} in cluster mode`, {
    skip: !isFull && version === '8.1',
  }, () => {
    let limber: Limber;
    before(async () => {
      limber = await startLimber();
      await createGroup(limber, id, {
        NumNodeGroups: 3,
        ReplicasPerNodeGroup: 1,
        AutomaticFailoverEnabled: true,
        CacheNodeType: 'cache.t4g.small',
        Engine: engine,
        EngineVersion: version,
      });
      await wholeAgain(limber, id);
    });

    it('are done at the first attempt, four in a row, and lose nothing', async (t) => {
      const system = limberSystem({ limber, name: id, groupId: id, isClusterMode: true });
      const gaps: number[] = [];
      for (let round = 0; round < 4; round += 1) {
        const seen = await measureFailover(system, { fault: 'planned', calmMs: 100, deadlineMs: 20_000 });
        assert.deepEqual({ lost: seen.lost, wrong: seen.wrong }, { lost: 0, wrong: 0 });
        gaps.push(seen.gapMs);
      }
      t.diagnostic(`gaps ${gaps.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      assert.ok(Math.max(...gaps) < gapMaxMs, `${gaps}`);
      assert.doesNotMatch(limber.logs(), /an act on a shard failed: switchover/);
    });

    it('are done right after a failover', async () => {
      const victim = primaryOf(await wholeAgain(limber, id));
      kill(victim);
      const heir = await anotherLeads(limber, id, victim);
      await wholeAgain(limber, id);
      const began = performance.now();
      await limber.admin('switchover', { member: victim.id });
      assert.ok(performance.now() - began < gapMaxMs);
      assert.equal(primaryOf(await wholeAgain(limber, id)).id, victim.id);
      assert.notEqual(heir.id, victim.id);
      // Nobody was told to follow one that he did not know to lead.
      assert.doesNotMatch(limber.logs(), /only replicate a (master|primary)/i);
    });

    it('leave nobody who refuses writes', async () => {
      for (const node of await wholeAgain(limber, id)) {
        const connection = await asLimber(limber, id, node);
        const [, value] = (await connection.ask('CONFIG', 'GET', 'min-replicas-to-write')) as string[];
        connection.close();
        assert.equal(value, '0', node.id);
      }
    });
  });
