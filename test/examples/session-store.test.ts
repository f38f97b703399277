import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeExample } from './describe-example.ts';

describeExample('session-store', (run) => {
  it('keeps a user logged in when the app restarts, crashes, and runs twice', () => {
    for (const [when, views] of [
      ['the app that she logged in to', 1],
      ['after a restart', 2],
      ['after a crash', 3],
      ['a second app beside the first', 4],
    ] as const) {
      assert.ok(run().output.includes(`${when}: 200 {"user":"ana","views":${views}}`), run().output);
    }
  });

  it('knows nobody after logging out', () => {
    assert.match(run().output, /^after logging out: 401 /m);
  });
});
