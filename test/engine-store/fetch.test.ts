import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { eventually, limber, scratchFolder, start, unprivileged } from './support.ts';

/** Installs with the real command, as an unprivileged user where this test is root. */
function install(store: string, names: string[], env: Record<string, string> = {}) {
  const variables = { LIMBER_ENGINES: store, HOME: store, ...env };
  return start(limber, ['engines', 'install', ...names], { env: variables, user: unprivileged });
}

/** Names in a folder, without the lock files, which stay. */
function entries(folder: string): string[] {
  return readdirSync(folder).filter((name) => !name.endsWith('.lock') && !name.startsWith('.'));
}

const whoInstalls = unprivileged ? 'as an unprivileged user' : 'as this user';

describe(`fetching an engine ${whoInstalls}`, () => {
  it('an install that is killed half-way does not count, and two installers at once then do it once', async () => {
    const store = join(scratchFolder(), 'engines');
    const first = install(store, ['memcached@1.6.18']);
    const files = join(store, '.work/memcached-bookworm/engine/files/usr');
    await eventually('the packages are being unpacked', () => existsSync(files));
    first.child.kill('SIGKILL');
    await first.finished;
    assert.deepEqual(entries(store), []);

    const installers = [install(store, ['memcached@1.6.18']), install(store, ['memcached@1.6.18'])];
    const results = await Promise.all(installers.map((one) => one.finished));
    for (const result of results) {
      assert.equal(result.code, 0, result.stderr);
      assert.match(result.stdout, /^memcached@1\.6\.18 \(package: /);
    }
    const waiting = results.filter((result) => result.stderr.includes('waiting for another installer'));
    assert.equal(waiting.length, 1, results.map((result) => result.stderr).join('---\n'));
    assert.deepEqual(entries(store), ['memcached@1.6.18']);
    assert.deepEqual(entries(join(store, '.work')), [], 'what the dead installer left is gone');

    const { engine, exact } = await createEngineStore({ directory: store }).resolve({
      engine: 'memcached',
      version: '1.6.18',
    });
    assert.equal(exact, true);
    const server = engine.program('server');
    assert.ok(server);
    assert.ok(server.command.startsWith(join(store, 'memcached@1.6.18/')), 'runs through its own loader');
    assert.equal(engine.program('cli'), null);
    const said = await start(server.command, [...server.args, '--version']).finished;
    assert.equal(said.stdout.trim(), 'memcached 1.6.18');
  });

  it('ends at once when told to stop, leaving nothing', async () => {
    const store = join(scratchFolder(), 'engines');
    const running = install(store, ['memcached@1.6.18']);
    const lists = join(store, '.work/lists-bookworm+bookworm-security');
    await eventually('package lists are being fetched', () => existsSync(lists));
    running.child.kill('SIGTERM');
    assert.equal((await running.finished).code, 143);
    assert.deepEqual(entries(store), []);
    assert.deepEqual(entries(join(store, '.work')), []);
  });

  it('does not take a folder without a manifest for an engine', async () => {
    const store = scratchFolder();
    mkdirSync(join(store, 'memcached@1.6.18/files/usr/bin'), { recursive: true });
    const found = await createEngineStore({ directory: store, environment: {} }).installed();
    assert.deepEqual(
      found.filter((engine) => engine.source === 'package'),
      [],
    );
  });
});

describe('an engine that cannot be fetched is a clear error', () => {
  /** apt reads APT_CONFIG first of all, so these change the machine's own configuration for one process. */
  async function installWith(aptConfiguration: string) {
    const folder = scratchFolder();
    const path = join(folder, 'apt.conf');
    writeFileSync(path, aptConfiguration);
    const store = join(folder, 'engines');
    const result = await install(store, ['memcached@1.6.18'], { APT_CONFIG: path }).finished;
    assert.equal(result.code, 1, result.stderr);
    assert.equal(result.stdout, '');
    assert.deepEqual(entries(store), []);
    return result.stderr;
  }

  it('when there is no network', async () => {
    const proxy = '"http://127.0.0.1:1/";';
    const said = await installWith(`Acquire::http::Proxy ${proxy}\nAcquire::https::Proxy ${proxy}\n`);
    assert.match(said, /the mirror does not answer.*127\.0\.0\.1/);
  });

  it('when apt has no sources', async () => {
    const said = await installWith('Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "/dev/null";\n');
    assert.match(said, /names no Debian mirror; found no sources at all/);
  });

  it("when the sources are not Debian's", async () => {
    const list = join(scratchFolder(), 'other.list');
    writeFileSync(list, 'deb http://127.0.0.1:1/ubuntu noble main\n');
    const said = await installWith(`Dir::Etc::sourcelist "${list}";\nDir::Etc::sourceparts "/dev/null";\n`);
    assert.match(said, /names no Debian mirror; found http:\/\/127\.0\.0\.1:1\/ubuntu \(noble\)/);
  });

  it('when the mirror is not signed with a key of this machine', async () => {
    const folder = scratchFolder();
    mkdirSync(join(folder, 'debian/dists/bookworm'), { recursive: true });
    writeFileSync(join(folder, 'debian/dists/bookworm/Release'), 'Suite: stable\nCodename: bookworm\n');
    const list = join(folder, 'unsigned.list');
    writeFileSync(list, `deb file:${folder}/debian bookworm main\n`);
    const said = await installWith(`Dir::Etc::sourcelist "${list}";\nDir::Etc::sourceparts "/dev/null";\n`);
    assert.match(said, /its signature does not fit the keyring of this machine; nothing was used/);
  });

  it('when this machine has no apt', async () => {
    const store = join(scratchFolder(), 'engines');
    const bin = scratchFolder();
    writeFileSync(join(bin, 'flock'), '#!/bin/sh\nexec /usr/bin/flock "$@"\n', { mode: 0o755 });
    const catalogue = [
      { engine: 'memcached', version: '1.6.18', suites: ['bookworm'], packages: ['memcached'] },
    ];
    const script = `import { createEngineStore } from ${JSON.stringify(engineStoreModule)};
      const store = createEngineStore({ directory: ${JSON.stringify(store)}, catalogue: ${JSON.stringify(catalogue)} });
      await store.resolve({ engine: 'memcached', version: '1.6.18' }).catch((error) => console.log(error.reason));`;
    const args = ['--input-type=module-typescript', '--eval', script];
    const result = await start(process.execPath, args, { env: { PATH: bin } }).finished;
    assert.equal(result.stdout.trim(), 'no-apt', result.stderr);
  });

  it('when the store cannot be written', async () => {
    const store = join(scratchFolder(), 'file');
    writeFileSync(store, '');
    const result = await install(store, ['memcached@1.6.18']).finished;
    assert.equal(result.code, 1);
    assert.match(result.stderr, /cannot write to .*name a writable folder in LIMBER_ENGINES/);
  });

  it('when nobody packages the version: says what there is', async () => {
    const result = await install(scratchFolder(), ['redis@6.2']).finished;
    assert.equal(result.code, 1);
    assert.match(result.stderr, /redis 6\.2 is not to be had: .* can be fetched: 7\.0\.15/);
    assert.match(result.stderr, /LIMBER_ENGINE_PATH_REDIS/);
  });
});

const engineStoreModule = new URL('../../src/engine-store/engine-store.ts', import.meta.url).href;
