import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { defaultEngines } from '../../src/catalog/engine-packages.ts';
import { EngineUnavailable, programNames } from '../../src/engine-store/contract.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { limber, scratchFolder, start } from './support.ts';

/** A program that only says its version, as a system package's server does. */
function fakeServer(path: string, says: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('the default engines', () => {
  const store = createEngineStore();

  for (const request of defaultEngines) {
    it(`${request.engine} ${request.version} is at hand after set-up, with all its programs`, async () => {
      const { engine, exact } = await store.resolve(request);
      assert.equal(exact, true);
      const names = request.engine === 'memcached' ? (['server'] as const) : programNames;
      const version = new RegExp(engine.version.replaceAll('.', '\\.'));
      for (const name of names) {
        const program = engine.program(name);
        assert.ok(program, `${name} is there`);
        const said = await start(program.command, [...program.args, '--version']).finished;
        // Some checkers take it for a file that they cannot open: they run, which is what counts here.
        assert.match(
          said.stdout + said.stderr,
          name.startsWith('check-') ? /--version|v?\d+\.\d+\.\d+/ : version,
          name,
        );
      }
    });
  }

  it('runs Redis OSS 7.1 on 7.0 and says so', async () => {
    const { engine, exact, note } = await store.resolve({ engine: 'redis', version: '7.1' });
    assert.match(engine.version, /^7\.0\./);
    assert.equal(exact, true);
    assert.match(note ?? '', /ElastiCache's own name for a 7\.0-compatible engine; redis 7\.0\.\d+ runs/);
  });
});

describe('engines that are on the machine already', () => {
  const system = scratchFolder();
  fakeServer(
    join(system, 'valkey-server'),
    'Valkey server v=8.1.7 sha=00000000:0 malloc=libc bits=64 build=1',
  );
  fakeServer(join(system, 'valkey-cli'), 'valkey-cli 8.1.7');
  fakeServer(
    join(system, 'redis-server'),
    'Valkey server v=8.1.7 sha=00000000:0 malloc=libc bits=64 build=1',
  );
  const environment = { PATH: system };
  const open = (more: Record<string, string> = {}) =>
    createEngineStore({
      directory: scratchFolder(),
      environment: { ...environment, ...more },
      catalogue: [],
    });

  it('are found on PATH with the version that they say, and the programs that they have', async () => {
    const { engine } = await open().resolve({ engine: 'valkey', version: '8.1' });
    assert.equal(engine.version, '8.1.7');
    assert.equal(engine.source, 'system');
    assert.deepEqual(engine.program('server'), { command: join(system, 'valkey-server'), args: [] });
    assert.deepEqual(engine.program('cli'), { command: join(system, 'valkey-cli'), args: [] });
    assert.equal(engine.program('benchmark'), null);
  });

  it('are not Redis OSS where Valkey poses as redis-server', async () => {
    const found = await open().installed();
    assert.deepEqual(
      found.filter((one) => one.engine === 'redis' && one.directory === system),
      [],
    );
  });

  it('are found at explicit paths, a server or a folder with bin/ in it, before the system', async () => {
    const own = scratchFolder();
    const says = (version: string) => `Valkey server v=${version} sha=1:0 malloc=libc bits=64 build=1`;
    fakeServer(join(own, 'a/bin/valkey-server'), says('8.1.7'));
    const single = fakeServer(join(own, 'b/my-valkey'), says('8.0.9'));
    const store = open({ LIMBER_ENGINE_PATH_VALKEY: `${join(own, 'a')}:${single}` });
    const same = await store.resolve({ engine: 'valkey', version: '8.1.7' });
    assert.equal(same.engine.directory, join(own, 'a/bin'));
    assert.equal(same.engine.source, 'path');
    const other = await store.resolve({ engine: 'valkey', version: '8.0' });
    assert.equal(other.engine.program('server')?.command, single);
  });

  it('must be there when a path names them', async () => {
    const store = open({ LIMBER_ENGINE_PATH_REDIS: '/nowhere' });
    await assert.rejects(store.resolve({ engine: 'redis', version: '7.0' }), (error) => {
      assert.ok(error instanceof EngineUnavailable);
      assert.equal(error.reason, 'bad-path');
      assert.match(error.message, /LIMBER_ENGINE_PATH_REDIS names \/nowhere/);
      return true;
    });
  });

  it('serve as the newest, with a note, when a newer one cannot be fetched', async () => {
    const directory = join(scratchFolder(), 'file/below');
    writeFileSync(dirname(directory), '');
    const catalogue = [
      { engine: 'valkey', version: '9.1.2', suites: ['sid'], packages: ['valkey-server'] },
    ] as const;
    const store = createEngineStore({ directory, environment, catalogue });
    const { engine, note } = await store.resolve({ engine: 'valkey', version: 'newest' });
    assert.equal(engine.version, '8.1.7');
    assert.match(note ?? '', /cannot write to/);
  });
});

describe('limber engines', () => {
  it('lists what is at hand, what set-up fetches and what can be fetched', async () => {
    const { code, stdout } = await start(limber, ['engines']).finished;
    assert.equal(code, 0);
    assert.match(stdout, /At hand[\s\S]*redis@7\.0\.\d+[\s\S]*Fetched by set-up: valkey@newest/);
    assert.match(stdout, /Can be fetched[\s\S]*memcached@1\.6\.18 +Debian bookworm/);
  });

  for (const wrong of [['install'], ['install', 'mysql@8'], ['remove'], ['--colour']]) {
    it(`refuses "limber engines ${wrong.join(' ')}" with its usage`, async () => {
      const { code, stderr } = await start(limber, ['engines', ...wrong]).finished;
      assert.equal(code, 2);
      assert.match(stderr, /^limber: .*\n\nUsage: limber engines/);
    });
  }

  it('works through a symlink from anywhere', async () => {
    const folder = scratchFolder();
    const { symlinkSync } = await import('node:fs');
    symlinkSync(limber, join(folder, 'limber'));
    const { code, stdout } = await start(join(folder, 'limber'), ['version'], { cwd: folder }).finished;
    assert.equal(code, 0);
    assert.match(stdout, /^limber \d+\.\d+\.\d+\n$/);
  });

  it('answers an unknown command with the usage', async () => {
    const { code, stderr } = await start(limber, ['frobnicate']).finished;
    assert.equal(code, 2);
    assert.match(stderr, /no command "frobnicate"[\s\S]*Usage: limber COMMAND/);
  });
});
