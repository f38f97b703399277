import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeExample } from './describe-example.ts';

describeExample('message-queue', (run) => {
  it('delivers published messages to those who listen, and not to those who come later', () => {
    assert.match(run().output, /^pub\/sub: 100 messages; early subscriber got 100, late one 50$/m);
  });

  for (const kind of ['list', 'stream']) {
    it(`does every job of the ${kind} at least once though two of three workers die`, () => {
      const pattern = `^${kind}: 200 jobs, 2 of 3 workers died holding one; (\\d+) done, (\\d+) lost`;
      assert.deepEqual(run().numbers(new RegExp(pattern, 'm')), [200, 0]);
    });

    it(`redelivers the jobs of the ${kind} that dead workers held, one of them done before`, () => {
      const [recovered = 0, repeated = 0, total = 0] = run().numbers(
        new RegExp(`^${kind}: .* (\\d+) redelivered, (\\d+) done twice \\((\\d+) times in all\\)$`, 'm'),
      );
      // More only when this machine was so busy that a living worker was taken for dead.
      assert.ok(recovered >= 2 && repeated >= 1, `${recovered} redelivered, ${repeated} done twice`);
      assert.ok(total >= 201, `done ${total} times`);
    });
  }
});
