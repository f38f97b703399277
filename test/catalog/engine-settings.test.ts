/** Every family's default settings, and changed ones, tried on every Valkey and Redis that is at hand. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type EngineSetting, engineSettings } from '../../src/catalog/engine-settings.ts';
import { familyOf } from '../../src/catalog/engine-versions.ts';
import { nodeType } from '../../src/catalog/node-types.ts';
import { isAllowed } from '../../src/catalog/parameter-values.ts';
import {
  effectiveParameters,
  engineOfFamily,
  type ParameterValues,
  parameterFamilies,
  parametersOf,
} from '../../src/catalog/parameters.ts';
import type { InstalledEngine } from '../../src/engine-store/contract.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';

const small = nodeType('cache.t4g.small');
/** Where open ranges end: 31 bits, 53 bits, and below zero. */
const greatest = [`${2 ** 31 - 1}`, `${Number.MAX_SAFE_INTEGER}`, `${-Number.MAX_SAFE_INTEGER}`];
// Enough for the tests, and below the hard limit of any machine that runs them.
const openFilesMax = 1024;

function settingsFor(engine: InstalledEngine, overrides: ParameterValues = {}, type = small) {
  const family = familyOf(engine.engine, engine.version) as string;
  const effective = effectiveParameters(family, overrides, type);
  return engineSettings({ family, engineVersion: engine.version, effective, nodeType: type, openFilesMax });
}

/** Families of the same engine before the one of this version. */
function olderFamilies({ engine, version }: InstalledEngine): readonly string[] {
  const families = parameterFamilies.filter((family) => engineOfFamily(family) === engine);
  return families.slice(0, families.indexOf(familyOf(engine, version) as string));
}

/** Those that a change of these parameters touches and that a running engine takes. */
const settingsToChange = (settings: readonly EngineSetting[], changed: readonly string[]) =>
  settings.filter(
    ({ needsRestart, parameters }) => !needsRestart && parameters.some((name) => changed.includes(name)),
  );

const byName = (settings: readonly EngineSetting[]) =>
  Object.fromEntries(settings.map(({ directive, value }) => [directive, value]));

const installed = await createEngineStore().installed();
const engines = installed.filter(
  ({ engine, version }) => engine !== 'memcached' && familyOf(engine, version),
);

describe('engine settings', { skip: engines.length === 0 && 'no Valkey or Redis is installed' }, () => {
  for (const engine of engines) {
    describe(`${engine.engine} ${engine.version}`, () => {
      const directory = mkdtempSync(join(tmpdir(), 'limber-settings-'));
      const place = 1 + engines.indexOf(engine) + 8 * (Math.floor(process.pid / 250) % 30);
      const address = `127.103.${1 + (process.pid % 250)}.${place}`;
      let server: ChildProcess;

      before(async () => {
        server = await startServer(engine, directory, address, settingsFor(engine).settings);
      });
      after(async () => {
        const exit = once(server, 'exit');
        server.kill('SIGKILL');
        await exit;
        rmSync(directory, { recursive: true });
      });

      it('starts with the default settings of its family and runs them all', async () => {
        for (const { directive, value } of settingsFor(engine).settings)
          assertSame(directive, await configGet(address, directive), value);
      });

      it('takes every setting that does not need a restart by CONFIG SET, and keeps the value', async () => {
        const { settings } = settingsFor(engine);
        const names = settings.flatMap(({ parameters }) => parameters);
        const changeable = settingsToChange(settings, names);
        assert.ok(changeable.length > 40);
        const all = changeable.flatMap(({ directive, value }) => [directive, value]);
        assert.equal(await command(address, 'CONFIG', 'SET', ...all), 'OK');
        for (const { directive, value } of changeable)
          assertSame(directive, await configGet(address, directive), value);
      });

      for (const family of olderFamilies(engine))
        it(`knows every setting of ${family}, whose engine it may stand in for, and takes those that can change`, async () => {
          const effective = effectiveParameters(family, {}, small);
          const { settings } = engineSettings({
            ...{ family, engineVersion: engine.version, effective, nodeType: small, openFilesMax },
          });
          for (const { directive } of settings) await configGet(address, directive);
          const all = settings
            .filter(({ needsRestart }) => !needsRestart)
            .flatMap(({ directive, value }) => [directive, value]);
          assert.ok(all.length > 2 * 12);
          assert.equal(await command(address, 'CONFIG', 'SET', ...all), 'OK');
        });

      it('takes changed values, and the default again after a reset', async () => {
        const changed = {
          timeout: '30',
          'maxmemory-policy': 'allkeys-lfu',
          'notify-keyspace-events': 'KEA',
          'reserved-memory-percent': '50',
          'client-output-buffer-limit-pubsub-hard-limit': '1048576',
          'slowlog-log-slower-than': '-1',
          'cluster-preferred-endpoint-type': 'ip',
        };
        for (const overrides of [changed, {}]) {
          const touched = settingsToChange(settingsFor(engine, overrides).settings, Object.keys(changed));
          assert.equal(touched.length, 7);
          const all = touched.flatMap(({ directive, value }) => [directive, value]);
          assert.equal(await command(address, 'CONFIG', 'SET', ...all), 'OK');
          for (const { directive, value } of touched)
            assertSame(directive, await configGet(address, directive), value);
        }
      });

      it('takes the ends of what each parameter allows', async () => {
        const family = familyOf(engine.engine, engine.version) as string;
        for (const parameter of parametersOf(family)) {
          const { name, changeType, allowedValues } = parameter;
          const extremes = [...(allowedValues ?? '').split(/(?<=\d)-|,/), ...greatest].filter(Boolean);
          if (changeType !== 'immediate' || parameter.dataType !== 'integer') continue;
          const ends = extremes.filter((value) => isAllowed(parameter, value));
          for (const value of ends) {
            const touched = settingsToChange(settingsFor(engine, { [name]: value }).settings, [name]);
            for (const { directive, value: text } of touched)
              assert.equal(
                await command(address, 'CONFIG', 'SET', directive, text),
                'OK',
                `${name} ${value}`,
              );
          }
        }
      });
    });
  }
});

describe('the settings of a family', () => {
  const settings = (family: string, engineVersion: string, overrides: ParameterValues = {}, more = {}) =>
    engineSettings({
      family,
      engineVersion,
      effective: effectiveParameters(family, overrides, small),
      nodeType: small,
      ...more,
    });

  it('give three quarters of the node type’s memory', () =>
    assert.equal(
      byName(settings('valkey8', '8.0.1').settings).maxmemory,
      `${Math.floor(1471026299 * 0.75)}`,
    ));
  it('give what reserved-memory leaves, in families that have it', () =>
    assert.equal(
      byName(settings('redis3.2', '7.0.15', { 'reserved-memory': '471026299' }).settings).maxmemory,
      '1000000000',
    ));
  it('write the limits of output buffers as one directive', () =>
    assert.equal(
      byName(settings('redis7', '7.0.15').settings)['client-output-buffer-limit'],
      'normal 0 0 0 pubsub 33554432 8388608 60 replica 147102629 147102629 60',
    ));
  it('speak of replicas where an old family speaks of slaves', () => {
    const old = byName(settings('redis3.2', '7.0.15').settings);
    assert.match(old['client-output-buffer-limit'] ?? '', /replica \d+ \d+ 60/);
    assert.equal(old['min-replicas-max-lag'], '10');
    assert.ok(Object.keys(old).every((name) => !name.includes('slave')));
  });
  it('leave out what the version does not know yet', () => {
    assert.ok(!('commandlog-reply-larger-than' in byName(settings('valkey8', '8.0.1').settings)));
    assert.ok('commandlog-reply-larger-than' in byName(settings('valkey8', '8.1.1').settings));
  });
  it('never hold what only the service has, or what the cache itself decides', () => {
    const names = Object.keys(byName(settings('valkey9', '9.1.2').settings));
    for (const name of [
      'close-on-replica-write',
      'reserved-memory-percent',
      'rename-commands',
      'appendonly',
      'search-default-timeout-ms',
    ])
      assert.ok(!names.includes(name), name);
  });
  it('hold each directive once', () => {
    const names = settings('valkey9', '9.1.2').settings.map(({ directive }) => directive);
    assert.equal(new Set(names).size, names.length);
  });
  it('name nodes by address without TLS and by host name with it', () => {
    const type = (tls: boolean) =>
      byName(settings('valkey8', '8.1.1', {}, { tls }).settings)['cluster-preferred-endpoint-type'];
    assert.deepEqual([type(false), type(true)], ['ip', 'hostname']);
  });
  it('lower the number of clients to the files that the process may open', () => {
    assert.equal(byName(settings('valkey8', '8.1.1').settings).maxclients, '65000');
    assert.equal(
      byName(settings('valkey8', '8.1.1', {}, { openFilesMax: 20_000 }).settings).maxclients,
      '19968',
    );
  });
  it('tell which values are kept but not applied, and why', () => {
    assert.deepEqual(settings('valkey8', '8.1.1').notApplied, []);
    const { settings: found, notApplied } = settings('valkey8', '8.1.1', {
      activedefrag: 'yes',
      'close-on-replica-write': 'no',
    });
    assert.deepEqual(
      notApplied.map(({ parameter }) => parameter),
      ['activedefrag', 'close-on-replica-write'],
    );
    assert.ok(!('activedefrag' in byName(found)));
  });
  it('tell what a family has that its engine, or the newer one that stands in for it, lacks', () => {
    const skipped = (family: string, overrides: ParameterValues) =>
      settings(family, '7.0.15', overrides).notApplied.map(({ parameter }) => parameter);
    assert.deepEqual(skipped('redis2.8', {}), []);
    assert.deepEqual(
      skipped('redis2.8', {
        appendonly: 'yes',
        'list-max-ziplist-value': '128',
        'close-on-slave-write': 'no',
      }),
      ['appendonly', 'close-on-slave-write', 'list-max-ziplist-value'],
    );
    assert.deepEqual(skipped('redis5.0', { 'lua-replicate-commands': 'no' }), ['lua-replicate-commands']);
  });
  it('are touched by the parameters that decide them', () => {
    const { settings: all } = settings('valkey8', '8.1.1');
    const touched = (name: string) => settingsToChange(all, [name]).map(({ directive }) => directive);
    assert.deepEqual(touched('reserved-memory-percent'), ['maxmemory']);
    assert.deepEqual(touched('client-output-buffer-limit-normal-soft-seconds'), [
      'client-output-buffer-limit',
    ]);
    assert.deepEqual(touched('databases'), []);
    assert.deepEqual(touched('close-on-replica-write'), []);
  });
});

async function startServer(
  engine: InstalledEngine,
  directory: string,
  address: string,
  settings: readonly EngineSetting[],
): Promise<ChildProcess> {
  const program = engine.program('server');
  assert.ok(program);
  const lines = settings.map(({ directive, value }) => `${directive} ${value === '' ? '""' : value}`);
  const file = join(directory, 'engine.conf');
  writeFileSync(file, [`bind ${address}`, 'port 6379', `dir ${directory}`, 'save ""', ...lines].join('\n'));
  const child = spawn(program.command, [...program.args, file], {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const deadline = Date.now() + 10_000;
  while ((await command(address, 'PING').catch(() => '')) !== 'PONG') {
    assert.equal(child.exitCode, null, `it ended: ${said}`);
    assert.ok(Date.now() < deadline, `no answer within 10 s: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return child;
}

async function configGet(address: string, directive: string): Promise<string> {
  const reply = await command(address, 'CONFIG', 'GET', directive);
  const [name, value] = reply.split('\n');
  assert.equal(name, directive, `the engine does not know ${directive}`);
  return value ?? '';
}

/** Engines write flags and classes in an order of their own, and an old word for replicas. */
function assertSame(directive: string, found: string, expected: string): void {
  const sorted = (text: string) => [...text].sort().join('');
  const classes = (text: string) =>
    text
      .replaceAll('slave', 'replica')
      .split(/ (?=[a-z])/)
      .sort();
  if (directive === 'notify-keyspace-events') assert.equal(sorted(found), sorted(expected));
  else if (directive === 'client-output-buffer-limit') assert.deepEqual(classes(found), classes(expected));
  else assert.equal(found, expected, directive);
}

/** One command on a connection of its own; the elements of a list come as lines, an error as its text. */
async function command(address: string, ...words: readonly string[]): Promise<string> {
  const socket = createConnection({ host: address, port: 6379 });
  const lines = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  socket.write(`*${words.length}\r\n${lines.join('')}*1\r\n$4\r\nQUIT\r\n`);
  let text = '';
  for await (const chunk of socket) text += chunk;
  const reply = text.split('\r\n').filter((line) => !/^[$*]\d/.test(line));
  return reply.slice(0, -2).join('\n').replace(/^[+-]/, '');
}
