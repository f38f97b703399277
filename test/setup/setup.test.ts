import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/**
 * A checkout with what set-up reads, and stand-ins for what it starts: an npm that leaves the same traces in
 * node_modules (and waits while `hold` exists), and a `limber` that says it fetched one engine.
 */
function checkout() {
  const root = mkdtempSync(join(tmpdir(), 'limber-setup-'));
  folders.push(root);
  const at = (path: string) => join(root, path);
  for (const path of ['scripts/setup.mjs', 'src/catalog/engine-packages.ts', 'package-lock.json']) {
    cpSync(join(repository, path), at(path), { recursive: true });
  }
  for (const folder of ['bin', 'tools', 'home/engine']) mkdirSync(at(folder), { recursive: true });
  const npm = `#!/bin/sh
echo "npm $*" >> ${at('log')}
echo $$ > ${at('npm-pid')}
[ ! -e ${at('fail')} ] || { cat ${at('fail')} >&2; exit 1; }
rm -rf node_modules; mkdir -p node_modules/.bin
while [ -e ${at('hold')} ]; do sleep 0.02; done
ln -s ${process.execPath} node_modules/.bin/node
cp package-lock.json node_modules/.package-lock.json\n`;
  writeFileSync(at('tools/npm'), npm, { mode: 0o755 });
  const limber = `#!/bin/sh
echo "limber $*" >> ${at('log')}
[ ! -e ${at('fail-engines')} ] || { echo 'limber: the mirror does not answer' >&2; exit 1; }
echo '{"engines":[{"directory":"${at('home/engine')}"}]}'\n`;
  writeFileSync(at('bin/limber'), limber, { mode: 0o755 });

  /** Starts set-up, on any Node. */
  const start = (options: { env?: Record<string, string>; node?: string } = {}) => {
    const { LIMBER_NO_ENGINES: _, npm_config_cache: __, ...inherited } = process.env;
    const env = { ...inherited, HOME: at('home'), LIMBER_ENGINES: at('home/engines'), ...options.env };
    const path = `${at('tools')}:${process.env.PATH}`;
    const child = spawn(options.node ?? process.execPath, [at('scripts/setup.mjs')], {
      env: { ...env, PATH: path },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    const finished = new Promise<{ code: number | null; said: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, said }));
    });
    return { child, finished, said: () => said };
  };
  return {
    at,
    start,
    run: (options?: Parameters<typeof start>[0]) => start(options).finished,
    /** What was started since last asked. */
    log(): string[] {
      const text = existsSync(at('log')) ? readFileSync(at('log'), 'utf8') : '';
      rmSync(at('log'), { force: true });
      return text.split('\n').filter(Boolean);
    },
  };
}

async function eventually(what: string, isTrue: () => boolean): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!isTrue()) {
    if (Date.now() > endMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const npmCi = 'npm ci --no-audit --no-fund --loglevel=error';
const fetchDefaults = 'limber engines install --defaults --json';

describe('set-up', () => {
  for (const node of nodes()) {
    it(`installs packages, then fetches the default engines, and then has nothing to do (${node.name})`, async () => {
      const { run, log } = checkout();
      const first = await run({ node: node.path });
      assert.equal(first.code, 0, first.said);
      assert.match(
        first.said,
        /installing packages \(npm ci\): done in \d+\.\d s\n.*fetching the default engines/,
      );
      assert.deepEqual(log(), [npmCi, fetchDefaults]);
      assert.deepEqual(await run({ node: node.path }), { code: 0, said: '' });
      assert.deepEqual(log(), []);
    });
  }

  it('writes nothing when there is nothing to do, so that others may use a checkout of root', async () => {
    const { run, at } = checkout();
    await run();
    const before = ['.setup', 'node_modules', 'home/engines/.work'].map((path) => statSync(at(path)).mtimeMs);
    await run();
    const now = ['.setup', 'node_modules', 'home/engines/.work'].map((path) => statSync(at(path)).mtimeMs);
    assert.deepEqual(now, before);
  });

  it('installs again when the lockfile has changed, and when node_modules is gone', async () => {
    const { run, log, at } = checkout();
    await run();
    log();
    const lockfile = JSON.parse(readFileSync(at('package-lock.json'), 'utf8'));
    const name = Object.keys(lockfile.packages).find((path) => path.includes('typescript')) ?? '';
    lockfile.packages[name].version = '99.0.0';
    writeFileSync(at('package-lock.json'), JSON.stringify(lockfile));
    await run();
    assert.deepEqual(log(), [npmCi]);
    rmSync(at('node_modules'), { recursive: true });
    await run();
    assert.deepEqual(log(), [npmCi]);
  });

  it('fetches again when an engine is gone', async () => {
    const { run, log, at } = checkout();
    await run();
    log();
    rmSync(at('home/engine'), { recursive: true });
    await run();
    assert.deepEqual(log(), [fetchDefaults]);
  });

  it('accepts what somebody installed with npm by hand', async () => {
    const { run, log, at } = checkout();
    mkdirSync(at('node_modules/.bin'), { recursive: true });
    symlinkSync(process.execPath, at('node_modules/.bin/node'));
    cpSync(at('package-lock.json'), at('node_modules/.package-lock.json'));
    assert.equal((await run()).code, 0);
    assert.deepEqual(log(), [fetchDefaults]);
  });

  it('runs once when started twice at the same time: the second waits and finds it done', async () => {
    const { start, log, at } = checkout();
    writeFileSync(at('hold'), '');
    const first = start();
    await eventually('npm runs', () => existsSync(at('npm-pid')));
    const second = start();
    await eventually('the second waits', () => second.said().includes('waiting for another set-up'));
    rmSync(at('hold'));
    assert.equal((await first.finished).code, 0);
    assert.equal((await second.finished).code, 0);
    assert.deepEqual(log(), [npmCi, fetchDefaults]);
  });

  it('recovers from SIGKILL in the middle: the next one waits for the orphaned npm, then does what is missing', async () => {
    const { start, run, log, at } = checkout();
    writeFileSync(at('hold'), '');
    const first = start();
    await eventually('npm runs', () => existsSync(at('npm-pid')));
    first.child.kill('SIGKILL');
    await eventually('it is dead', () => first.child.signalCode !== null);
    const second = start();
    await eventually('the second waits', () => second.said().includes('waiting for another set-up'));
    process.kill(Number(readFileSync(at('npm-pid'), 'utf8')), 'SIGKILL'); // now npm's half is all there is
    await eventually('npm runs again', () => readFileSync(at('log'), 'utf8').split(npmCi).length === 3);
    rmSync(at('hold'));
    const { code, said } = await second.finished;
    assert.equal(code, 0, said);
    log();
    assert.deepEqual(await run(), { code: 0, said: '' });
  });

  for (const [signal, expected] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    it(`ends npm too when it gets ${signal}`, async () => {
      const { start, at } = checkout();
      writeFileSync(at('hold'), '');
      const running = start();
      await eventually('npm runs', () => existsSync(at('npm-pid')) && existsSync(at('node_modules/.bin')));
      const npm = Number(readFileSync(at('npm-pid'), 'utf8'));
      running.child.kill(signal);
      assert.equal((await running.finished).code, expected);
      assert.throws(() => process.kill(npm, 0), { code: 'ESRCH' });
      assert.equal(existsSync(at('node_modules/.limber-setup')), false);
    });
  }

  it('leaves no stamp when npm fails, and quotes npm', async () => {
    const { run, log, at } = checkout();
    writeFileSync(at('fail'), 'npm error code ECONNREFUSED\n');
    const { code, said } = await run();
    assert.equal(code, 1);
    assert.match(
      said,
      /cannot be set up: npm ci failed\. The registry does not answer[\s\S]*npm error code ECONNREFUSED/,
    );
    rmSync(at('fail'));
    assert.equal((await run()).code, 0);
    assert.deepEqual(log(), [npmCi, npmCi, fetchDefaults]);
  });

  it('shows why engines cannot be fetched, says how to go on, and tries again the next time', async () => {
    const { run, log, at } = checkout();
    writeFileSync(at('fail-engines'), '');
    const { code, said } = await run();
    assert.equal(code, 1);
    assert.match(said, /limber: the mirror does not answer[\s\S]*LIMBER_NO_ENGINES=1 npm start/);
    assert.equal((await run({ env: { LIMBER_NO_ENGINES: '1' } })).code, 0);
    rmSync(at('fail-engines'));
    assert.equal((await run()).code, 0);
    assert.deepEqual(log(), [npmCi, fetchDefaults, fetchDefaults]);
  });

  it('keeps the cache of npm in the checkout when the home directory cannot hold it', async () => {
    const { run, log, at } = checkout();
    writeFileSync(at('nohome'), '');
    assert.equal((await run({ env: { HOME: at('nohome') } })).code, 0);
    assert.deepEqual(log()[0], `${npmCi} --cache ${at('.setup/npm-cache')}`);
  });
});

/** The Node that runs this test, and the system's when that is another. */
function nodes(): { name: string; path: string }[] {
  const found = new Map([[process.version, process.execPath]]);
  for (const folder of (process.env.PATH ?? '').split(':')) {
    const path = join(folder, 'node');
    const said = existsSync(path) ? spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim() : '';
    const isNewEnough = Number(/^v(\d+)/.exec(said)?.[1] ?? 0) >= 20;
    if (isNewEnough && !found.has(said)) found.set(said, path);
  }
  return [...found].map(([name, path]) => ({ name: `Node ${name}`, path }));
}
