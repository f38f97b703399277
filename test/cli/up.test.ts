import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { DescribeCacheClustersCommand } from '@aws-sdk/client-elasticache';
import { askHealth, readStartRecord } from '../../src/cli/start-record.ts';
import { runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive, startLimber } from '../support/limber.ts';
import { claimScratch } from '../support/scratch.ts';

async function scratchFor(t: TestContext) {
  const scratch = await claimScratch();
  t.after(() => scratch.release());
  return scratch;
}

describe('limber up', () => {
  it('serves on 127.0.0.1, says where and what to do next, and is healthy', async (t) => {
    const limber = await startLimber(t);
    assert.equal(await askHealth(limber.port), limber.pid);
    const said = await eventually(
      (see) => /serves ElastiCache[\s\S]*Ctrl-C stops Limber/.exec(see(limber.logs()))?.[0],
    );
    assert.match(said, new RegExp(`^serves ElastiCache's API at ${limber.endpoint}\n`));
    assert.match(said, /Next, in another terminal:\n\n {2}eval "\$\(\S*limber env --data \S+\)"\n/);
    const { CacheClusters } = await limber.client().send(new DescribeCacheClustersCommand({}));
    assert.deepEqual(CacheClusters, []);
  });

  it('ends within a second of SIGTERM, with exit code 0', async (t) => {
    const limber = await startLimber(t);
    const before = performance.now();
    assert.equal(await limber.stop(), 0);
    const took = performance.now() - before;
    assert.ok(took < 1_000, `took ${took} ms`);
  });

  it('takes the two SIGINT that Ctrl-C under npm sends for one', async (t) => {
    const limber = await startLimber(t);
    process.kill(limber.pid, 'SIGINT');
    process.kill(limber.pid, 'SIGINT');
    assert.equal(await limber.ended, 0);
  });

  it('ends within a second also when a client holds an idle connection', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    await client.send(new DescribeCacheClustersCommand({}));
    const before = performance.now();
    assert.equal(await limber.stop(), 0);
    assert.ok(performance.now() - before < 1_000);
  });

  it('refuses a port that is taken, and says by whom', async (t) => {
    const { dataDirectory, pool } = await scratchFor(t);
    const server = createServer((socket) => socket.resume()); // takes connections and never answers
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as { port: number };
    const where = ['--port', String(port), '--data', dataDirectory, '--pool', pool];
    for (const how of [[], ['--detach']]) {
      const { code, stderr } = await runLimber(['up', ...where, ...how]);
      assert.match(
        stderr,
        new RegExp(
          `^limber: 127.0.0.1:${port} is held by process ${process.pid} \\(\\S+\\)\\. Stop that, or choose`,
        ),
      );
      assert.equal(code, 1);
    }
  });

  it('refuses a port that another Limber serves on', async (t) => {
    const limber = await startLimber(t);
    const { dataDirectory, pool } = await scratchFor(t);
    const where = ['--port', String(limber.port), '--data', dataDirectory, '--pool', pool];
    const { code, stderr } = await runLimber(['up', ...where]);
    const who = `another Limber \\(pid ${limber.pid}, data directory ${limber.dataDirectory}\\)`;
    assert.match(
      stderr,
      new RegExp(`^limber: 127.0.0.1:${limber.port} is held by ${who}\\. Stop that \\(.*limber down `),
    );
    assert.equal(code, 1);
  });

  it('refuses a data directory that another Limber uses, and says which', async (t) => {
    const limber = await startLimber(t);
    const { code, stderr } = await runLimber(['up', '--port', '0', '--data', limber.dataDirectory]);
    assert.match(
      stderr,
      new RegExp(`^limber: Limber already runs with the data directory .* \\(pid ${limber.pid},`),
    );
    assert.match(stderr, /To stop it: \S*limber down/);
    assert.equal(code, 4);
    assert.ok(limber.isRunning);
  });

  it('is one when several are started at once', async (t) => {
    const { dataDirectory, pool } = await scratchFor(t);
    const words = ['up', '--detach', '--port', '0', '--data', dataDirectory, '--pool', pool];
    const all = await Promise.all([runLimber(words), runLimber(words), runLimber(words)]);
    const record = await readStartRecord(dataDirectory);
    const wins = all.filter(({ stdout }) => /serves ElastiCache's API/.test(stdout));
    const others = all.filter(({ stdout }) => stdout.startsWith(`Limber already runs`));
    assert.deepEqual([wins.length, others.length], [1, 2], JSON.stringify(all));
    for (const { code, stdout } of all) {
      assert.equal(code, 0);
      assert.ok(stdout.includes(`http://127.0.0.1:${record?.port}`));
    }
    assert.equal(await askHealth(record?.port ?? 0), record?.pid);
  });

  it('says what is wrong with a data directory, without a stack trace', async () => {
    const { code, stderr } = await runLimber(['up', '--port', '0', '--data', '/dev/null/here']);
    assert.match(stderr, /^limber: .*\/dev\/null/);
    assert.doesNotMatch(stderr, /\n\s+at /);
    assert.equal(code, 1);
  });

  it('keeps the DNS zone of the data directory and its port, until told "off"', async (t) => {
    const { dataDirectory, pool } = await scratchFor(t);
    const words = ['up', '--detach', '--port', '0', '--data', dataDirectory, '--pool', pool];
    const names = /names +in (\S+), DNS at 127\.0\.0\.1:(\d+) /;
    const started = async (...more: string[]) => {
      const { code, stdout } = await runLimber([...words, ...more]);
      assert.equal(code, 0, stdout);
      assert.equal((await runLimber(['down', '--data', dataDirectory])).code, 0);
      return names.exec(stdout)?.slice(1) ?? null;
    };
    assert.equal(await started(), null);
    const [zone, port] = (await started('--dns', 'cache.test:0')) ?? [];
    assert.equal(zone, 'cache.test');
    assert.deepEqual(await started(), [zone, port]);
    assert.equal(await started('--dns', 'off'), null);
    assert.equal(await started(), null);
  });

  it('keeps the pool of the data directory', async (t) => {
    const { dataDirectory, pool } = await scratchFor(t);
    const words = ['up', '--detach', '--port', '0', '--data', dataDirectory];
    assert.equal((await runLimber([...words, '--pool', pool])).code, 0);
    await runLimber(['down', '--data', dataDirectory]);
    assert.match((await runLimber(words)).stdout, new RegExp(`addresses +${pool}\n`));
    await runLimber(['down', '--data', dataDirectory]);
  });
});

describe('limber up --detach', () => {
  it('returns when healthy, and Limber goes on without it', async (t) => {
    const { dataDirectory, pool } = await scratchFor(t);
    const words = ['up', '--detach', '--port', '0', '--data', dataDirectory, '--pool', pool];
    const { code, stdout } = await runLimber(words);
    const record = await readStartRecord(dataDirectory);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`serves ElastiCache's API at http://127.0.0.1:${record?.port}\n`));
    assert.equal(await askHealth(record?.port ?? 0), record?.pid);
  });

  it('says so, and succeeds, when Limber already runs', async (t) => {
    const limber = await startLimber(t);
    const { code, stdout } = await runLimber(['up', '--detach', '--data', limber.dataDirectory]);
    assert.match(
      stdout,
      new RegExp(`^Limber already runs .* \\(pid ${limber.pid}, ${limber.endpoint}\\)\\.\n$`),
    );
    assert.equal(code, 0);
  });

  it('fails with the last words of a Limber that ends early', async (t) => {
    const { dataDirectory, pool } = await scratchFor(t);
    const words = ['up', '--detach', '--port', '0', '--data', dataDirectory, '--pool', pool];
    await runLimber(words);
    await runLimber(['down', '--data', dataDirectory]);
    await writeFile(`${dataDirectory}/credentials.json`, 'no longer JSON');
    const { code, stderr } = await runLimber(words);
    assert.match(
      stderr,
      /^limber: Limber did not start \(exit code 1\):\n {2}[\s\S]*credentials\.json is not valid JSON/,
    );
    assert.match(stderr, /Its log: .*limber\.log\n$/);
    assert.equal(code, 1);
  });
});

describe('the test harness', () => {
  it('leaves no process and no file behind', async () => {
    const limber = await startLimber();
    const { pid, dataDirectory } = limber;
    await limber.end();
    assert.equal(isAlive(pid), false);
    assert.equal(existsSync(dataDirectory), false);
  });

  it('starts Limber again on the same port', async (t) => {
    const limber = await startLimber(t);
    const { pid } = limber;
    await limber.kill();
    assert.equal(limber.isRunning, false);
    await limber.restart();
    assert.notEqual(limber.pid, pid);
    assert.equal(await askHealth(limber.port), limber.pid);
  });

  it('tells what was last seen when a fact does not come', async () => {
    await assert.rejects(
      eventually((see) => see({ role: 'replica' }).role === 'primary', { deadlineMs: 30 }),
      /^Error: not seen within 30 ms; last seen: \{ role: 'replica' \}/,
    );
  });
});
