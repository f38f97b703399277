/** `limber engines add`: engines of the user's own, here Redis OSS 7.0 behind a script, with what it lacks taken away. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { scratchFolder } from '../engine-store/support.ts';
import { runLimber } from '../support/command.ts';

describe('limber engines add', () => {
  const engines = scratchFolder();
  const limber = (...words: string[]) => runLimber(words, { env: { LIMBER_ENGINES: engines } });
  let version = '';
  let starts = '';

  before(async () => {
    const { engine } = await createEngineStore().resolve({ engine: 'redis', version: '7.0' });
    const { command, args } = engine.program('server')!;
    version = engine.version;
    starts = [command, ...args].map((word) => `'${word}'`).join(' ');
  });

  /** A folder with a redis-server that does what the lines of the script say. */
  const own = (...script: string[]): string => {
    const folder = scratchFolder();
    const file = join(folder, 'redis-server');
    writeFileSync(file, ['#!/bin/sh', ...script].join('\n'));
    chmodSync(file, 0o755);
    return folder;
  };

  it('takes an engine that runs, and uses it from then on; doctor tells when it is gone', async () => {
    const folder = own(`exec ${starts} "$@"`);
    const { code, stdout, stderr } = await limber('engines', 'add', 'redis@7.0', folder);
    assert.deepEqual([code, stderr], [0, '']);
    assert.ok(stdout.startsWith(`redis@${version} (path: ${folder})\n`), stdout);
    assert.doesNotMatch(stdout, /without TLS/);
    const listed = (await limber('engines')).stdout;
    assert.match(listed, new RegExp(`redis@${version} +path +${folder}`));
    rmSync(folder, { recursive: true });
    assert.doesNotMatch((await limber('engines')).stdout, new RegExp(folder));
    const told = await limber('doctor', '--data', join(engines, 'data'), '--port', '0');
    assert.match(told.stdout, new RegExp(`${folder} was added as redis, where no redis-server can be run`));
  });

  it('refuses one without what endpoints and access control need, and says what that rules out', async () => {
    const folder = own(
      `[ "$1" = --version ] && exec ${starts} "$@"`,
      `exec ${starts} "$@" --rename-command CONFIG '' --rename-command ACL ''`,
    );
    const { code, stderr } = await limber('engines', 'add', 'redis@7.0', folder);
    assert.equal(code, 1);
    assert.match(stderr, /cannot change `bind`.*no endpoint could follow a failover.*no users.*--stand-ins/);
    assert.doesNotMatch((await limber('engines')).stdout, new RegExp(folder));
  });

  it('refuses another version than it is said to be, a place without a server, and one that does not start', async () => {
    const refused = async (name: string, folder: string) => {
      const { code, stderr } = await limber('engines', 'add', name, folder);
      assert.equal(code, 1);
      return stderr;
    };
    const working = own(`exec ${starts} "$@"`);
    assert.match(await refused('redis@6.2', working), /says that it is redis 7\.0.*not redis@6\.2/);
    const empty = join(scratchFolder(), 'empty');
    mkdirSync(empty);
    assert.match(await refused('redis@6.2', empty), /where no redis-server can be run/);
    const broken = own(`[ "$1" = --version ] && exec ${starts} "$@"`, 'exit 1');
    assert.match(await refused('redis@7.0', broken), /which does not start/);
    const { code, stderr } = await limber('engines', 'add', 'redis', empty);
    assert.equal(code, 2);
    assert.match(stderr, /add takes ENGINE@VERSION and a PATH/);
  });
});
