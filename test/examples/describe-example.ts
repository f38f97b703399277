import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type ExampleRun, runExample, useLimber } from './run-example.ts';

/**
 * A suite around one example program: runs it once against a Limber of its own, lets `body` look at what it printed,
 * and then expects what is true of every example.
 */
export function describeExample(name: string, body: (run: () => ExampleRun) => void): void {
  describe(`examples/${name}`, () => {
    const environment = useLimber();
    let run: ExampleRun;
    before(async () => {
      run = await runExample(name, environment());
    });

    body(() => run);

    it('removes with --cleanup what it made', async () => {
      assert.match((await runExample(name, environment(), '--cleanup')).output, /^deleted example-/m);
    });

    it('finds nothing to remove the second time', async () => {
      const { output } = await runExample(name, environment(), '--cleanup');
      assert.match(output, /^example-\S+ does not exist: nothing to delete$/m);
    });
  });
}
