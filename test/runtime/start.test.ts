import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { NodeHandle } from '../../src/model/node.ts';
import { readCommandLine, readDescriptor, readEnvironment, readProcess } from '../../src/platform/proc.ts';
import { DirectoryUnusable, SpawnFailed } from '../../src/runtime/contract.ts';
import { hasEnded } from '../../src/runtime/process/process-state.ts';
import {
  answersAt,
  type Bench,
  eventually,
  fakeEngine,
  installedValkey,
  newIncarnation,
  openBench,
  program,
  randomAddress,
  readyAtOnce,
} from './support.ts';

describe('starting a node', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench.end());

  it('runs it in a session of its own, in its directory, and returns once it answers', async () => {
    const { runtime } = bench;
    const incarnation = newIncarnation();
    const address = randomAddress();
    const spawned: NodeHandle[] = [];
    await runtime.prepare(incarnation);
    const handle = await runtime.start(fakeEngine(incarnation, 'listen', address), {
      isReady: answersAt(address),
      deadlineMs: 10_000,
      onSpawned: async (early) => void spawned.push(early),
    });
    assert.deepEqual(spawned, [handle], 'the handle is told before readiness and does not change');
    assert.equal(await answersAt(address)(), true);
    const process = readProcess(handle.pid);
    assert.equal(process?.sessionId, handle.pid);
    assert.equal(process?.startTime, handle.startTime);
    const seen = runtime.inspect(handle);
    assert.equal(seen.kind, 'running');
    assert.ok(seen.cpuMs > 1 && seen.rssBytes > 1_000_000, JSON.stringify(seen));
  });

  it('gives it nothing of our environment, a mark, and no rights for others on its files', async () => {
    const { runtime, dataDirectory } = bench;
    const incarnation = newIncarnation();
    await runtime.prepare(incarnation);
    const directory = runtime.directoryOf(incarnation);
    const spec = program(incarnation, '/bin/sh', ['-c', 'echo x > data/made-by-engine; exec sleep 600']);
    const withFiles = { ...spec, env: { TZ: 'UTC' }, files: { 'engine.conf': 'masterauth hunter2' } };
    const handle = await runtime.start(withFiles, {
      ...readyAtOnce,
      isReady: async () => (await stat(join(directory, 'data/made-by-engine')).catch(() => null)) !== null,
    });
    // Until then it is the shell, which lends its output to `echo`; and in between its environment is empty.
    await eventually(
      () => readProcess(handle.pid)?.name,
      (name) => name === 'sleep',
    );
    const environment = await eventually(
      () => readEnvironment(handle.pid),
      (one) => one !== null && one.size > 0,
    );
    environment?.delete('PWD'); // the shell's own
    environment?.delete('OLDPWD');
    environment?.delete('SHLVL');
    environment?.delete('_');
    assert.deepEqual(Object.fromEntries(environment ?? []), {
      TZ: 'UTC',
      LIMBER_NODE: incarnation,
      LIMBER_DATA: dataDirectory,
    });
    assert.equal(readDescriptor(handle.pid, 1), join(directory, 'output.pipe'));
    assert.equal(readDescriptor(handle.pid, 0), '/dev/null');
    const modes = await Promise.all(
      ['.', 'data', 'engine.conf', 'output.pipe', 'data/made-by-engine'].map(
        async (name) => (await stat(join(directory, name))).mode & 0o777,
      ),
    );
    assert.deepEqual(modes, [0o700, 0o700, 0o600, 0o600, 0o600]);
    assert.equal(await readFile(join(directory, 'engine.conf'), 'utf8'), 'masterauth hunter2');
    assert.ok(!readCommandLine(handle.pid)?.join(' ').includes('hunter2'), 'secrets are not in argv');
  });

  it('gives a process one of its files as standard input, and not its own path', async () => {
    const { runtime } = bench;
    const incarnation = newIncarnation();
    await runtime.prepare(incarnation);
    const handle = await runtime.start(
      { ...program(incarnation), files: { 'engine.conf': 'masterauth hunter2' }, input: 'engine.conf' },
      readyAtOnce,
    );
    assert.equal(readDescriptor(handle.pid, 0), join(runtime.directoryOf(incarnation), 'engine.conf'));
    assert.deepEqual(readCommandLine(handle.pid), ['/sleep', '600']);
  });

  it('quotes the last words of an engine that ends, without its secrets, and leaves no process', async () => {
    const { runtime } = bench;
    const incarnation = newIncarnation();
    await runtime.prepare(incarnation);
    await writeFile(join(runtime.directoryOf(incarnation), 'engine.log'), 'words of an earlier start\n');
    let pid = 0;
    const failure = await rejection(
      runtime.start(fakeEngine(incarnation, 'complain'), {
        isReady: async () => false,
        deadlineMs: 10_000,
        onSpawned: async (handle) => {
          pid = handle.pid;
        },
      }),
    );
    assert.match(
      failure.message,
      new RegExp(`node ${incarnation} did not start: its process has ended with code 3`),
    );
    assert.equal(
      failure.lastWords,
      "[31m*** FATAL CONFIG FILE ERROR ***[0m\n>>> 'requirepass [hidden]\nBad directive",
    );
    assert.equal(readProcess(pid), null);
    assert.deepEqual(failure.survivors, []);
  });

  it('kills what does not answer in time, also when the question itself hangs', async () => {
    const { runtime } = bench;
    for (const isReady of [async () => false, () => new Promise<boolean>(() => {})]) {
      const incarnation = newIncarnation();
      await runtime.prepare(incarnation);
      const failure = await rejection(
        runtime.start(fakeEngine(incarnation, 'never'), { ...readyAtOnce, isReady, deadlineMs: 200 }),
      );
      assert.match(failure.message, /did not answer within 200 ms/);
      assert.equal((await runtime.findProcesses()).get(incarnation), undefined);
    }
  });

  it('says what hindered it: no such program, no directory, a handle that could not be recorded', async () => {
    const { runtime } = bench;
    const incarnation = newIncarnation();
    const missing = program(incarnation, '/nonexistent/valkey-server');
    assert.match((await rejection(runtime.start(missing, readyAtOnce))).message, /prepare it first/);
    await runtime.prepare(incarnation);
    assert.match(
      (await rejection(runtime.start(missing, readyAtOnce))).message,
      /valkey-server of node .* ENOENT/,
    );
    const unrecorded = await rejection(
      runtime.start(program(incarnation), {
        ...readyAtOnce,
        onSpawned: async () => {
          throw new Error('the disk is full');
        },
      }),
    );
    assert.match(unrecorded.message, /did not start: the disk is full$/);
    assert.equal((await runtime.findProcesses()).has(incarnation), false);
  });

  it('does not take a stranger at the address for the engine: the process must live', async () => {
    const { runtime } = bench;
    const incarnation = newIncarnation();
    await runtime.prepare(incarnation);
    let handle: NodeHandle | null = null;
    const failure = await rejection(
      runtime.start(program(incarnation, '/bin/true', []), {
        ...readyAtOnce,
        onSpawned: async (spawned) => {
          handle = spawned;
        },
        isReady: async () => {
          const state = () => runtime.inspect(handle!).kind;
          await eventually(state, (kind) => kind !== 'running');
          return true;
        },
      }),
    );
    assert.match(failure.message, /its process has ended with code 0/);
  });

  it('refuses a directory with no room', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('only root can make a small file system');
    const { spawnSync } = await import('node:child_process');
    const directory = join(bench.dataDirectory, 'small');
    await mkdir(directory);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
    if (mounted.status !== 0) return t.skip(`mount is not allowed: ${mounted.stderr}`);
    try {
      const { createProcessRuntime } = await import('../../src/runtime/process/process-runtime.ts');
      const { systemClock } = await import('../../src/platform/clock.ts');
      const { silentLog } = await import('../../src/platform/log.ts');
      const small = createProcessRuntime({ dataDirectory: directory, clock: systemClock, log: silentLog });
      const incarnation = newIncarnation();
      await assert.rejects(small.prepare(incarnation, { roomBytes: 16 * 2 ** 20 }), (error: Error) => {
        assert.ok(error instanceof DirectoryUnusable);
        assert.match(error.message, /\d MiB are free, a node that keeps its data on disk needs at least 16/);
        return true;
      });
      // Without that it is only a small one.
      await small.prepare(incarnation);
    } finally {
      spawnSync('umount', [directory]);
    }
  });

  it('starts a real Valkey and knows it although it overwrites its environment', async (t) => {
    const valkey = await installedValkey();
    if (!valkey) return t.skip('no Valkey is installed');
    const { runtime } = bench;
    const incarnation = newIncarnation();
    const address = randomAddress();
    // One that is told another path than its own (package-engine.ts) finds no room for its title.
    const named = valkey.args.indexOf('--argv0');
    const args = named < 0 ? valkey.args : valkey.args.toSpliced(named, 2);
    await runtime.prepare(incarnation);
    const handle = await runtime.start(
      {
        ...program(incarnation, valkey.command, [...args, 'engine.conf']),
        env: valkey.env ?? {},
        files: { 'engine.conf': `bind ${address}\nport 6379\ndir data\nsave ""\n` },
      },
      { ...readyAtOnce, isReady: answersAt(address) },
    );
    // It accepts connections a moment before it writes its title.
    await eventually(
      () => readEnvironment(handle.pid)?.get('LIMBER_NODE'),
      (mark) => mark === undefined,
    );
    assert.deepEqual((await runtime.findProcesses()).get(incarnation), [handle]);
    await runtime.stop(handle, { graceMs: 5_000 });
    assert.equal(hasEnded(handle), true);
    assert.match(await runtime.lastWords(incarnation, 3), /ready to exit, bye bye/);
  });
});

async function rejection(promise: Promise<unknown>): Promise<SpawnFailed> {
  const error = await promise.then(
    () => assert.fail('it was expected to fail'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SpawnFailed, String(error));
  return error;
}
