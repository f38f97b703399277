import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type ExampleRun, runExample, useLimber } from './run-example.ts';

describe('the cache of an example', () => {
  const environment = useLimber();
  let host: string | undefined;
  const hostOf = ({ output }: ExampleRun) => /^cache at (\S+)$/m.exec(output)?.[1];
  before(async () => {
    host = hostOf(await runExample('leaderboard', environment()));
  });

  it('is used again when it exists', async () => {
    assert.equal(hostOf(await runExample('leaderboard', environment())), host);
  });

  it('is the one that CACHE_URL names, without any credentials for the API, and is not deleted then', async () => {
    const onlyUrl = { PATH: environment().PATH, CACHE_URL: `redis://${host}` };
    assert.equal(hostOf(await runExample('leaderboard', onlyUrl)), host);
    const cleanup = await runExample('leaderboard', onlyUrl, '--cleanup');
    assert.match(cleanup.output, /no cache was made here, none is deleted/);
  });

  it('is brought back to three nodes when it is a Memcached cluster that has grown', async () => {
    for (const _ of ['first', 'second']) {
      const { output } = await runExample('memcached-cluster', environment());
      assert.match(output, /^configuration endpoint \S+: version \d+, 3 nodes$/m);
    }
  });

  it('says what is missing when neither an endpoint nor the API is known', async () => {
    const nothing = { PATH: environment().PATH, HOME: '/nonexistent' };
    await assert.rejects(
      runExample('leaderboard', nothing),
      /set the variables that `bin\/limber env` prints/,
    );
  });
});
