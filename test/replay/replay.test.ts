/**
 * Configurations that people have published, against a real Limber with stand-ins. By default as few as together have every
 * engine version and every member that any of them has; all with LIMBER_TEST_FULL=1 (or `npm run replay`, which prints).
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { createCluster } from '../e2e/caches.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { clusterDrift } from './drift.ts';
import { knownReason } from './reasons.ts';
import { type Configuration, configurations, replay } from './replay.ts';

const taken = configurations.filter((one) => one.aws_refuses_too === undefined);
const chosen = process.env.LIMBER_TEST_FULL === '1' ? taken : covering(taken);

describe('a public configuration that ElastiCache takes', () => {
  let limber: Limber;
  let served = 0;
  before(async () => {
    limber = await startLimber({ env: { LIMBER_STAND_INS: '1' } });
  });

  for (const configuration of chosen)
    it(`is served without drift, or refused for what is not built yet: ${titleOf(configuration)}`, async (t) => {
      const outcome = await replay(configuration, (region) => limber.client({ region }));
      if (outcome.refusal === null) served += 1;
      else t.diagnostic(`${knownReason(outcome)}: ${outcome.refusal.action}: ${outcome.refusal.reason}`);
      assert.ok(outcome.refusal === null || knownReason(outcome) !== null, JSON.stringify(outcome.refusal));
    });

  it('is counted', (t) => {
    t.diagnostic(`${served} of ${chosen.length} are served`);
    assert.ok(served > chosen.length / 2);
  });

  it('would show drift if Describe answered something else than was asked for', async () => {
    const cluster = await createCluster(limber.client(), {
      ...{ CacheClusterId: 'own', Engine: 'redis', EngineVersion: '6.2' },
      PreferredMaintenanceWindow: 'Sun:05:00-Sun:09:00',
    });
    const given = {
      Engine: 'Redis',
      EngineVersion: '6.2',
      PreferredMaintenanceWindow: 'Sun:05:00-Sun:09:00',
    };
    assert.deepEqual(clusterDrift(given, cluster), []);
    assert.deepEqual(clusterDrift({ ...given, EngineVersion: '7.0', NumCacheNodes: 2 }, cluster), [
      'EngineVersion was "7.0" and is "6.2.6"',
      'NumCacheNodes was 2 and is 1',
    ]);
  });
});

/** Few configurations that together have all engine versions, families and members of the calls of all. */
function covering(all: readonly Configuration[]): readonly Configuration[] {
  const seen = new Set<string>();
  return all.filter((configuration) => {
    const unseen = featuresOf(configuration).filter((feature) => !seen.has(feature));
    for (const feature of unseen) seen.add(feature);
    return unseen.length > 0;
  });
}

function featuresOf({ before: earlier = [], calls }: Configuration): string[] {
  return [...earlier, ...calls].flatMap(({ Action, params }) => [
    ...Object.keys(params).map((name) => `${Action} ${name}`),
    `${params.Engine} ${params.EngineVersion}`.toLowerCase(),
    `${params.CacheParameterGroupFamily}`,
  ]);
}

function titleOf({ n, kind, calls }: Configuration): string {
  const creation = calls.findLast(({ Action }) => /^CreateC.*Cluster|^CreateRep|Serverless/.test(Action));
  const { Engine = 'redis', EngineVersion = '' } = creation?.params ?? {};
  return `${n}, ${kind}, ${`${Engine} ${EngineVersion}`.trim()}`;
}
