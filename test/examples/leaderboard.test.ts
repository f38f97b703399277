import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeExample } from './describe-example.ts';

describeExample('leaderboard', (run) => {
  it('counts every point that concurrent clients give', () => {
    const [given, counted] = run().numbers(/(\d+) points given, (\d+) points on the board/);
    assert.equal(counted, given);
  });

  it('lists the top 10 in order', () => {
    const lines = run().output.split('\n');
    const top = lines.slice(lines.indexOf('top 10 of 1000:') + 1).slice(0, 10);
    const standings = top.map((line) => /^ +(\d+)\. player-\d+ +(\d+)$/.exec(line)?.slice(1).map(Number));
    assert.deepEqual(
      standings.map((standing) => standing?.[0]),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    const scores = standings.map((standing) => standing?.[1] ?? 0);
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => b - a),
    );
  });

  it('shows who stands around a player', () => {
    const [, around = ''] = /around player-\d+, rank 500:\n((?: .*\n)+)/.exec(run().output) ?? [];
    assert.deepEqual(
      [...around.matchAll(/^ +(\d+)\./gm)].map(([, rank]) => Number(rank)),
      [498, 499, 500, 501, 502],
    );
  });

  it('shows the leaders while points are given', () => {
    assert.match(run().output, /^live: player-\d+ \d+, player-\d+ \d+, player-\d+ \d+$/m);
  });

  it('moves a player up at once', () => {
    const [rank = Infinity] = run().numbers(/wins 100 points, has \d+: rank (\d+)$/m);
    assert.ok(rank < 500, `rank ${rank}`);
  });
});
