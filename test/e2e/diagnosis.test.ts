/** What clients do, and what the machine does, brings no failover about; only death and a hang do. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { askOnce, connectResp, type RespClient } from '../../bench/lib/resp-client.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import {
  anotherLeads,
  asLimber,
  engineAt,
  failoversOf,
  isAlive,
  type Node,
  nodesOf,
  pair,
  primaryOf,
  replicasOf,
  resume,
  sentencesOf,
  suspend,
  wholeAgain,
} from './faults.ts';

let limber: Limber;
let client: ElastiCacheClient;
before(async () => {
  limber = await startLimber();
  client = limber.client();
});

interface Scene {
  readonly id: string;
  readonly primary: Node;
  readonly replica: Node;
}

/** A group of a primary and a replica; afterwards it must be what it was: the same processes, the same roles. */
async function undisturbed(id: string, disturb: (scene: Scene) => Promise<void>, of = limber): Promise<void> {
  await createGroup(of, id, pair);
  const nodes = await wholeAgain(of, id);
  await disturb({ id, primary: primaryOf(nodes), replica: replicasOf(nodes)[0]! });
  const after = await wholeAgain(of, id);
  const facts = (one: Node) => ({ id: one.id, pid: one.pid, role: one.role });
  assert.deepEqual(after.map(facts), nodes.map(facts));
  assert.deepEqual(await failoversOf(of.client(), id), []);
}

/** Waits until the status sentence says so. */
const said = (id: string, pattern: RegExp, of = limber) =>
  eventually(async (see) => pattern.test(see(await sentencesOf(of, id))));

/** A Lua program as any client may send it. */
const script = (text: string, ...rest: (string | number)[]) => ['EVAL', text, ...rest] as const;
const burn = "local t = redis.call('TIME')[1] while redis.call('TIME')[1] - t < 3 do end return 1";
const fill = "for i = 1, 600000 do redis.call('SET', 'k' .. i, i) end return 1";
const list = "for i = 1, 300000 do redis.call('RPUSH', 'l', (i * 7919) % 300007) end return 1";

describe('clients bring no failover about', { concurrency: true }, () => {
  it('by cutting connections: CLIENT KILL of everybody, of the replica, and of Limber itself', () =>
    undisturbed('cut', async ({ primary }) => {
      const bystander = await connectResp(primary);
      const kinds = ['normal', 'replica', 'pubsub'];
      for (let round = 0; round < 5; round += 1) {
        for (const kind of kinds) await bystander.ask('CLIENT', 'KILL', 'TYPE', kind, 'SKIPME', 'yes');
        const ours = await eventually(async () => {
          const all = String(await bystander.ask('CLIENT', 'LIST'));
          return /id=(\d+) [^\n]*name=limber-control/.exec(all)?.[1];
        });
        await bystander.ask('CLIENT', 'KILL', 'ID', ours);
      }
      bystander.close();
    }));

  it('by CLIENT PAUSE ALL for 3 s, which they may not: the node is said to be paused', () =>
    undisturbed('paused', async ({ id, primary }) => {
      await assert.rejects(askOnce(primary, 'CLIENT', 'PAUSE', 3_000, 'ALL'), /NOPERM/);
      const admin = await asLimber(limber, id, primary);
      await admin.ask('CLIENT', 'PAUSE', 3_000, 'ALL');
      admin.close();
      await said(id, /paused-001 leads but does not answer at present: .*paused/);
      await eventually(() => askOnce(primary, 'PING'));
    }));

  it('by a script that runs for 3 s: the node is said to be busy', () =>
    undisturbed('busy', async ({ id, primary }) => {
      const running = askOnce(primary, ...script(burn, 0));
      await said(id, /busy-001 leads but does not answer at present: .*busy/);
      await running;
    }));
});

describe('a primary with many keys', () => {
  it('is not failed over while KEYS, SORT and FLUSHALL go over them', () =>
    undisturbed('many', async ({ primary }) => {
      const one = await connectResp(primary);
      await one.ask(...script(fill, 0));
      await one.ask(...script(list, 0));
      await one.ask(...script("return #redis.call('KEYS', '*')", 0));
      await one.ask('SORT', 'l', 'STORE', 'sorted');
      await one.ask('FLUSHALL', 'SYNC');
      one.close();
    }));
});

describe('a node that is full', () => {
  it('is left alone while every connection is taken, also when Limber lost its own, and said to be full', async (t) => {
    const own = await startLimber(t);
    try {
      execFileSync('prlimit', ['--pid', String(own.pid), '--nofile=400:400']);
    } catch (error) {
      return t.skip(`prlimit cannot be run: ${(error as Error).message}`);
    }
    await undisturbed(
      'full',
      async ({ id, primary }) => {
        const crowd: RespClient[] = [];
        const first = await connectResp(primary);
        crowd.push(first);
        const crowdIn = async () => {
          for (;;) {
            const more = await connectResp(primary);
            if ((await more.send('PING').catch(() => null)) !== 'PONG') return;
            crowd.push(more);
          }
        };
        // Limber may be faster to come back than the crowd is to come in.
        await eventually(
          async (see) => {
            await crowdIn();
            await first.send('CLIENT', 'KILL', 'USER', 'limber');
            await crowdIn();
            return /full-001 leads but .*: it is full/.test(see(await sentencesOf(own, id)));
          },
          { intervalMs: 300 },
        );
        for (const one of crowd) one.close();
      },
      own,
    );
  });
});

describe('a process that is suspended', () => {
  it('is no reason when it goes on before the limit', () =>
    undisturbed('short', async ({ primary }) => {
      for (let round = 0; round < 4; round += 1) {
        suspend(primary);
        await delay(250); // half of the limit: the fault itself
        resume(primary);
        await engineAt(primary);
      }
    }));

  it('is a reason when it is the primary and stays so', async () => {
    await createGroup(limber, 'long', pair);
    const nodes = await wholeAgain(limber, 'long');
    suspend(primaryOf(nodes));
    await anotherLeads(limber, 'long', primaryOf(nodes));
    await wholeAgain(limber, 'long');
    assert.deepEqual(await failoversOf(client, 'long'), ['001 → 002']);
  });

  it('is left alone when nobody else holds its data, and said to hang', async () => {
    await createGroup(limber, 'lonely');
    const [node] = await wholeAgain(limber, 'lonely');
    await askOnce(node!, 'SET', 'kept', 'yes');
    suspend(node!);
    await said('lonely', /lonely-001 hangs; its data are nowhere else, so it is left alone/);
    resume(node!);
    await wholeAgain(limber, 'lonely');
    assert.equal(await askOnce(node!, 'GET', 'kept'), 'yes');
  });

  it('may be Limber itself: what it did not see is nobody’s silence', async (t) => {
    const own = await startLimber(t);
    await undisturbed(
      'sleeper',
      async () => {
        process.kill(own.pid, 'SIGSTOP');
        await delay(3_000);
        process.kill(own.pid, 'SIGCONT');
        await own.status();
      },
      own,
    );
  });

  it('may be Limber and all nodes, as when a laptop sleeps', async (t) => {
    const own = await startLimber(t);
    await undisturbed(
      'laptop',
      async ({ primary, replica }) => {
        const all = [own, primary, replica];
        for (const one of all) suspend(one);
        await delay(2_000);
        for (const one of all) resume(one);
        await own.status();
      },
      own,
    );
  });
});

describe('a replica that hangs or dies', () => {
  it('is killed and comes back while the primary goes on', async () => {
    await createGroup(limber, 'follower', pair);
    const nodes = await wholeAgain(limber, 'follower');
    const [replica] = replicasOf(nodes);
    suspend(replica!);
    await eventually(() => !isAlive(replica!));
    const after = await wholeAgain(limber, 'follower');
    assert.equal(primaryOf(after).pid, primaryOf(nodes).pid);
    assert.notEqual(replicasOf(await nodesOf(limber, 'follower'))[0]?.pid, replica?.pid);
  });
});
