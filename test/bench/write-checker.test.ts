import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bareAddresses } from '../../bench/lib/bare-addresses.ts';
import { type BareEngine, engineOfVersion, startBareEngine } from '../../bench/lib/bare-engine.ts';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { endpointRoute } from '../../bench/lib/routes.ts';
import { createScope } from '../../bench/lib/scope.ts';
import { startWriteChecker, type WriteChecker } from '../../bench/lib/write-checker.ts';

describe('the write checker', () => {
  const scope = createScope();
  let node: BareEngine;
  before(async () => {
    const directory = await scope.directory();
    const [address] = bareAddresses(1);
    const engine = await engineOfVersion('newest');
    node = await startBareEngine(scope, {
      engine,
      address: address!,
      port: 6379,
      directory,
      lines: ['save ""'],
    });
  });
  after(() => scope.end());

  const writeFor = async (writesEach: number): Promise<WriteChecker> => {
    const checker = startWriteChecker({ route: endpointRoute(node) });
    await checker.progress(writesEach, 10_000);
    await checker.stop();
    return checker;
  };

  it('finds every acknowledged write of an engine that was left alone', async () => {
    const checker = await writeFor(50);
    const { acknowledged, lost, wrong } = await checker.verify();
    assert.ok(acknowledged >= 8 * 50);
    assert.deepEqual([lost, wrong], [0, 0]);
    await checker.clear();
    assert.equal(await askOnce(node, 'DBSIZE'), 0);
  });

  it('counts a key that has gone, another value, and increments that are missing', async () => {
    const checker = await writeFor(50);
    const keys = ((await askOnce(node, 'KEYS', '*:0:*')) as string[]).sort();
    const counter = keys.find((key) => key.endsWith(':count'))!;
    const [gone, changed] = keys.filter((key) => key !== counter) as [string, string];
    await askOnce(node, 'DEL', gone);
    await askOnce(node, 'SET', changed, 'something else');
    await askOnce(node, 'DECRBY', counter, 3);
    const { lost, wrong, examples } = await checker.verify();
    assert.deepEqual([lost, wrong], [1 + 3, 1]);
    assert.ok(examples.includes(gone) && examples.includes(changed));
  });

  it('goes on by itself when the engine was killed and started, and sees that memory was lost', async () => {
    const checker = startWriteChecker({ route: endpointRoute(node), connections: 2 });
    await checker.progress(20, 10_000);
    checker.mark();
    const before = checker.acknowledged;
    await node.kill();
    await node.start();
    await checker.progress(20, 10_000);
    const { longestMs } = checker.gap();
    await checker.stop();
    const { lost } = await checker.verify();
    assert.ok(longestMs > 2, `a gap of ${longestMs} ms`);
    assert.ok(lost >= before * 0.9, `${lost} of more than ${before} lost`);
  });
});
