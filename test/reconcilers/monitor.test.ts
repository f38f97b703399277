/** The health monitor over real processes: what it says when they are killed, suspended, busy, or our connection is cut. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { CacheNode } from '../../src/model/node.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createHealthMonitor, type Ping } from '../../src/reconcilers/health/monitor.ts';
import type { Verdict } from '../../src/reconcilers/shard/view.ts';
import type { NodeRuntime } from '../../src/runtime/contract.ts';
import { answersAt, fakeEngine, newIncarnation, openBench, randomAddress } from '../runtime/support.ts';
import { eventually } from '../support/eventually.ts';
import { nodeAt } from './shard-views.ts';

const limits = { pingIntervalMs: 50, hangAfterMs: 300, busyAfterMs: 3_000 };

/** Says PONG to whoever connects; a suspended one accepts and says nothing. */
const ping: Ping = ({ address, port }) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    socket.once('data', () => resolve({ wantsLook: false, offset: null }));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.setTimeout(1_000, () => socket.destroy());
  });

async function watchOne(
  t: TestContext,
  options: { ping?: Ping; runtime?: Partial<NodeRuntime>; node?: Partial<CacheNode> } = {},
) {
  const bench = await openBench();
  t.after(() => bench.end());
  const [incarnation, address] = [newIncarnation(), randomAddress()];
  await bench.runtime.prepare(incarnation);
  const handle = await bench.runtime.start(fakeEngine(incarnation, 'listen', address), {
    isReady: answersAt(address),
    deadlineMs: 20_000,
    onSpawned: async () => {},
  });
  const node: CacheNode = nodeAt(1, { incarnation, address, handle, ...options.node });
  const monitor = createHealthMonitor({
    runtime: { ...bench.runtime, ...options.runtime },
    clock: systemClock,
    log: silentLog,
    limits,
    ping: options.ping ?? ping,
  });
  t.after(() => monitor.close());
  const told: Verdict[] = [];
  monitor.onChange((_node, verdict) => told.push(verdict));
  monitor.watch(node);
  const becomes = (verdict: Verdict) => eventually((see) => see(monitor.verdict(node)) === verdict);
  await becomes('answering');
  const signal = (name: NodeJS.Signals) => process.kill(handle.pid, name);
  return { monitor, node, told, becomes, signal, handle };
}

describe('a watched process', () => {
  it('is dead as soon as it was killed and its connection is lost, long before the next PING', async (t) => {
    const { monitor, node, told, signal } = await watchOne(t);
    const startedAt = performance.now();
    signal('SIGKILL');
    monitor.lost(node.incarnation);
    await eventually((see) => see(told).at(-1) === 'dead', { intervalMs: 1 });
    assert.ok(performance.now() - startedAt < 1_000);
  });

  it('is dead without any word from the connection', async (t) => {
    const { told, signal } = await watchOne(t);
    signal('SIGKILL');
    await eventually((see) => see(told).at(-1) === 'dead');
  });

  it('hangs when it is suspended, and answers again when it goes on', async (t) => {
    const { told, becomes, signal } = await watchOne(t);
    signal('SIGSTOP');
    await becomes('hung');
    assert.ok(told.includes('unresponsive'), 'not at once');
    signal('SIGCONT');
    await becomes('answering');
  });

  const kinds: Readonly<Record<string, Partial<CacheNode>>> = {
    'that leads': { role: 'primary' },
    'that follows': { role: 'replica' },
    'of Memcached': { role: null, engine: 'memcached' },
  };
  for (const [what, node] of Object.entries(kinds))
    it(`${what} hangs as soon as any other when it is suspended, wherever in its beat that is`, async (t) => {
      // As an idle engine of that kind: its timer runs ten times a second, or once.
      let [uses, isIdle] = [0, node.engine === 'memcached'];
      const cpuMs = () => (isIdle ? uses : ++uses);
      const { told, becomes, signal } = await watchOne(t, { node, runtime: { cpuMs } });
      for (let round = 0; round < 4; round += 1) {
        await eventually(() => told.at(-1) === 'answering');
        const startedAt = performance.now();
        signal('SIGSTOP');
        isIdle = true;
        await eventually(() => told.at(-1) === 'hung', { intervalMs: 5 });
        const tookMs = performance.now() - startedAt;
        assert.ok(tookMs >= limits.hangAfterMs - 20 && tookMs < 2.5 * limits.hangAfterMs, `${tookMs} ms`);
        isIdle = node.engine === 'memcached';
        signal('SIGCONT');
        await becomes('answering');
      }
    });

  it('is not dead because our connection was cut', async (t) => {
    const { monitor, node, told } = await watchOne(t);
    monitor.lost(node.incarnation);
    for (let look = 0; look < 20; look += 1)
      await eventually(() => ['answering', 'unresponsive'].includes(monitor.verdict(node)), {
        intervalMs: 1,
      });
    await eventually(() => monitor.verdict(node) === 'answering');
    assert.ok(!told.includes('dead') && !told.includes('hung'));
  });

  it('that makes progress and does not answer is never said to hang', async (t) => {
    let isDeaf = false;
    let cpuMs = 0;
    const { monitor, node, told, becomes } = await watchOne(t, {
      ping: (one) => (isDeaf ? new Promise(() => {}) : ping(one)),
      // A script that keeps it busy, as /proc would show it.
      runtime: { inspect: () => ({ kind: 'running', cpuMs: ++cpuMs, isWaitingForDisk: false, rssBytes: 0 }) },
    });
    isDeaf = true;
    await becomes('unresponsive');
    const until = performance.now() + 3 * limits.hangAfterMs;
    await eventually(() => {
      assert.notEqual(monitor.verdict(node), 'hung');
      return performance.now() > until;
    });
    assert.ok(!told.includes('hung'));
  });

  it('is watched on when /proc could not be read for a while: that proves nothing', async (t) => {
    let isBlind = false;
    const bench = await openBench();
    t.after(() => bench.end());
    const inspect: NodeRuntime['inspect'] = (handle) => {
      if (isBlind) throw new Error('EMFILE: too many open files');
      return bench.runtime.inspect(handle);
    };
    const { monitor, node, told, becomes, signal } = await watchOne(t, { runtime: { inspect } });
    isBlind = true;
    signal('SIGSTOP');
    monitor.lost(node.incarnation);
    for (let look = 0; look < 50; look += 1) assert.equal(monitor.verdict(node), 'unresponsive');
    isBlind = false;
    await becomes('hung');
    assert.ok(!told.includes('dead'));
    signal('SIGCONT');
    await becomes('answering');
  });
});

describe('a node', () => {
  it('without a process is absent; one of an earlier boot is dead', async (t) => {
    const { monitor, node, handle } = await watchOne(t);
    assert.equal(monitor.verdict({ ...node, incarnation: 'new', handle: null }), 'absent');
    assert.equal(monitor.verdict({ ...node, handle: { ...handle, bootId: 'earlier' } }), 'dead');
  });

  it('with another process is watched anew: what was known of the old one does not count', async (t) => {
    const { monitor, node, handle } = await watchOne(t);
    monitor.watch({ ...node, handle: { ...handle, startTime: handle.startTime - 1 } });
    assert.equal(
      monitor.verdict({ ...node, handle: { ...handle, startTime: handle.startTime - 1 } }),
      'dead',
    );
    monitor.watch(node);
    assert.notEqual(monitor.verdict(node), 'dead');
  });
});
