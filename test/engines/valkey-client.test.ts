import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { limberUser } from '../../src/engines/valkey/access-control.ts';
import { connectEngine, waitForPort } from '../../src/engines/valkey/client.ts';
import {
  EngineReplyError,
  EngineTimeout,
  EngineUnreachable,
} from '../../src/engines/valkey/engine-errors.ts';
import { connectStubbornly } from '../../src/engines/valkey/stubborn.ts';
import { everyThread } from '../../src/platform/proc.ts';
import { engines, eventually, newAddress, secrets, withBench } from './valkey-support.ts';

const deadlines = { connectDeadlineMs: 1_000, callDeadlineMs: 1_000, name: 'test' };

for (const engine of engines) {
  describe(`control connection to ${engine.name}`, () => {
    it('answers calls, and shows its name', async () => {
      await withBench(engine, async (bench) => {
        const { connection } = await bench.start();
        assert.equal(await connection.call('PING'), 'PONG');
        assert.equal(await connection.call('CLIENT', 'GETNAME'), 'test');
        assert.equal(connection.isOpen, true);
        const beside = await connection.another();
        assert.equal(await beside.call('ACL', 'WHOAMI'), 'limber');
        beside.close();
      });
    });

    it('tells within milliseconds that the process has died, and fails waiting calls', async (t) => {
      await withBench(engine, async (bench) => {
        const times: number[] = [];
        for (let run = 0; run < 5; run += 1) {
          const { connection, process } = await bench.start();
          const waiting = assert.rejects(connection.call('BLPOP', 'nothing', 0), EngineUnreachable);
          await connection.another().then((beside) => beside.close());
          const closed = new Promise<number>((resolve) =>
            connection.onClose(() => resolve(performance.now())),
          );
          const killed = performance.now();
          process.kill('SIGKILL');
          times.push((await closed) - killed);
          await waiting;
          assert.equal(connection.isOpen, false);
          await assert.rejects(connection.call('PING'), EngineUnreachable);
          await new Promise<void>((resolve) => connection.onClose(resolve)); // also when asked afterwards
        }
        const sorted = times.toSorted((a, b) => a - b);
        t.diagnostic(`death seen after ${sorted.map((ms) => ms.toFixed(1)).join(' / ')} ms`);
        assert.ok(sorted[2]! < 100, `${sorted}`);
      });
    });

    it('does not reconnect, and does not call back for a close of its own', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        let closes = 0;
        node.connection.onClose(() => {
          closes += 1;
        });
        const other = await bench.connect({ address: node.address, port: node.port });
        let ownCloses = 0;
        other.onClose(() => {
          ownCloses += 1;
        });
        await other.call('CLIENT', 'KILL', 'USER', 'limber');
        await eventually(() => closes === 1);
        other.close();
        other.close();
        await assert.rejects(other.call('PING'), EngineUnreachable);
        await assert.rejects(node.connection.call('PING'), EngineUnreachable);
        assert.deepEqual([closes, ownCloses], [1, 0]);
      });
    });

    it('that insists goes on when clients cut it, and not when its engine is dead', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        let isRunning = true;
        const options = { ...deadlines, address: node.address, port: node.port, name: 'insists' };
        const login = { username: limberUser, password: secrets.limber };
        const connection = await connectStubbornly({ ...options, ...login }, () => isRunning);
        const client = await node.client();
        const replies: unknown[] = [];
        for (let round = 0; round < 20; round += 1) {
          const killing = client.call('CLIENT', 'KILL', 'USER', limberUser);
          const asked = [connection.call('ECHO', round), connection.pipeline([['ECHO', round], ['NONE']])];
          replies.push(...(await Promise.all(asked)).flat());
          await killing;
        }
        const echoes = replies.filter((reply) => typeof reply === 'string');
        assert.deepEqual(
          echoes.map(Number),
          Array.from({ length: 40 }, (_, index) => index >> 1),
        );
        assert.equal(replies.filter((reply) => reply instanceof EngineReplyError).length, 20);
        node.process.kill('SIGKILL');
        await eventually(() => node.process.signalCode);
        isRunning = false;
        await assert.rejects(connection.call('PING'), EngineUnreachable);
        connection.close();
      });
    });

    it('gives a call its deadline, and stays usable after a timeout', async () => {
      await withBench(engine, async (bench) => {
        const { connection, process } = await bench.start();
        process.kill('SIGSTOP');
        await eventually(() => everyThread(process.pid!, (thread) => thread.state === 'T'));
        const before = performance.now();
        await assert.rejects(connection.callWithin(50, 'PING'), EngineTimeout);
        assert.ok(performance.now() - before < 500);
        process.kill('SIGCONT');
        assert.equal(await connection.call('PING'), 'PONG');
      });
    });

    it('tells refusals by their code, each in its place of a pipeline', async () => {
      await withBench(engine, async (bench) => {
        const { connection } = await bench.start();
        await connection.call('SET', 'word', 'x');
        const replies = await connection.pipeline([['PING'], ['LPUSH', 'word', 'y'], ['GET', 'word']]);
        assert.equal(replies[0], 'PONG');
        assert.ok(replies[1] instanceof EngineReplyError);
        assert.equal(replies[1].code, 'WRONGTYPE');
        assert.equal(replies[2], 'x');
      });
    });

    it('says so when the engine is full', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        await node.connection.call('CONFIG', 'SET', 'maxclients', 1);
        await assert.rejects(node.client(), { name: 'EngineReplyError', code: 'MAXCLIENTS' });
        await assert.rejects(node.connection.another(), { name: 'EngineReplyError', code: 'MAXCLIENTS' });
      });
    });

    it('connects to an engine that is busy with a script', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start({ parameters: [['lua-time-limit', '20']] });
        const client = await node.client();
        const endless = assert.rejects(client.call('EVAL', 'while true do end', 0), EngineReplyError);
        await eventually(async () => {
          const again = await node.connection.another();
          const code = await again.call('PING').catch((error) => error.code);
          again.close();
          return code === 'BUSY';
        });
        await node.connection.call('SCRIPT', 'KILL');
        await endless;
      });
    });
  });
}

describe('control connection', () => {
  it('gives up at once where nobody listens', async () => {
    const options = { ...deadlines, address: newAddress(), port: 6379 };
    await assert.rejects(connectEngine(options), EngineUnreachable);
  });

  it('gives up at the deadline where somebody accepts and says nothing', async () => {
    const address = newAddress();
    const server = createServer(() => {}).listen(6379, address);
    await once(server, 'listening');
    const before = performance.now();
    await assert.rejects(
      connectEngine({
        ...deadlines,
        address,
        port: 6379,
        connectDeadlineMs: 50,
        username: 'a',
        password: 'b',
      }),
      EngineTimeout,
    );
    assert.ok(performance.now() - before < 500);
    server.close();
  });

  it('never shows a secret in an error', async () => {
    const options = {
      ...deadlines,
      address: newAddress(),
      port: 6379,
      username: 'limber',
      password: 'hush-hush',
    };
    const error = await connectEngine(options).then(
      () => null,
      (reason: Error) => reason,
    );
    assert.ok(
      error &&
        !JSON.stringify([error.message, error.stack, String(error.cause), { ...error }]).includes(
          'hush-hush',
        ),
    );
  });
});

describe('waiting for a port', () => {
  it('ends when somebody listens', async () => {
    const address = newAddress();
    const waiting = waitForPort(address, 6379, AbortSignal.timeout(2_000));
    const server = createServer().listen(6379, address);
    await waiting;
    server.close();
  });

  it('ends with the reason of its signal', async () => {
    const reason = new Error('enough');
    await assert.rejects(waitForPort(newAddress(), 6379, AbortSignal.abort(reason)), reason);
  });
});
