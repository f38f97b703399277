import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { deniedCommands, replicationUser } from '../../src/engines/valkey/access-control.ts';
import { allowedToClients, deniedToClients } from '../../src/engines/valkey/command-table.ts';
import { primaryCredentialNames } from '../../src/engines/valkey/directives.ts';
import { EngineReplyError } from '../../src/engines/valkey/engine-errors.ts';
import { nameOnNodes, renamedCommands } from '../../src/engines/valkey/renamed-commands.ts';
import { engines, eventually, fingerprintOf, secrets, withBench } from './valkey-support.ts';

for (const engine of engines) {
  describe(`access control of ${engine.name}`, () => {
    it('has every powerful command of the engine reviewed', async () => {
      const { commands } = await fingerprintOf(engine);
      const powerful = commands.filter(({ categories }) =>
        categories.some((category) => category === '@admin' || category === '@dangerous'),
      );
      const reviewed = new Set([...allowedToClients, ...Object.keys(deniedToClients)]);
      const isReviewed = (name: string) => reviewed.has(name) || reviewed.has(name.split('|')[0]!);
      assert.deepEqual(
        powerful.map(({ name }) => name).filter((name) => !isReviewed(name)),
        [],
      );
    });

    it('survives a round trip through JSON', async () => {
      const fingerprint = await fingerprintOf(engine);
      assert.deepEqual(JSON.parse(JSON.stringify(fingerprint)), fingerprint);
      assert.match(fingerprint.version, /^\d+\.\d+\.\d+$/);
      assert.ok(fingerprint.commands.some((command) => command.name === 'config|set'));
      assert.ok(fingerprint.directives.includes('maxmemory'));
    });

    it('refuses each restricted command to clients, also by the name that nodes know it by', async () => {
      const denied = deniedCommands(await fingerprintOf(engine));
      for (const name of [
        'acl|setuser',
        'config|set',
        'debug',
        'shutdown',
        'replicaof',
        'failover',
        'replconf',
      ])
        assert.ok(denied.includes(name), name);
      await withBench(engine, async (bench) => {
        const client = await (await bench.start()).client();
        // Enough arguments for any of them, or the engine complains about their number first.
        const fingerprint = await fingerprintOf(engine);
        const containers = new Set(
          fingerprint.commands
            .map(({ name }) => name.split('|'))
            .filter((p) => p[1])
            .map((p) => p[0]),
        );
        for (const name of denied) {
          if (containers.has(name)) continue;
          const codes = await Promise.all([0, 1, 2, 3, 4, 5].map((count) => replyCode(client, name, count)));
          // The engine refuses these two before it looks at rights: enable-debug-command and enable-module-command.
          const refused = name === 'debug' || name.startsWith('module') ? ['NOPERM', 'ERR'] : ['NOPERM'];
          assert.ok(
            codes.some((code) => refused.includes(code)),
            `${name}: ${codes}`,
          );
          assert.ok(!codes.includes('ok'), name);
        }
      });
    });

    it('answers as if it had never heard of those that it has renamed', async () => {
      const denied = deniedCommands(await fingerprintOf(engine));
      await withBench(engine, async (bench) => {
        const client = await (await bench.start()).client();
        for (const name of renamedCommands) {
          assert.ok(denied.includes(name), name);
          await assert.rejects(client.call(name.toUpperCase(), 'GET', 'maxmemory'), (error: Error) =>
            error.message.endsWith(
              `ERR unknown command '${name.toUpperCase()}', with args beginning with: 'GET' 'maxmemory' `,
            ),
          );
        }
        const listed = JSON.stringify([
          await client.call('COMMAND'),
          await client.call('ACL', 'CAT', 'admin'),
        ]);
        assert.doesNotMatch(listed, /limber/);
      });
    });

    it('lets Limber call them on a node that an older Limber started, which has them by the usual names', async () => {
      const { commands, ...fingerprint } = await fingerprintOf(engine);
      const unrenamed = commands.filter(({ name }) => !renamedCommands.includes(name));
      await withBench(engine, async (bench) => {
        const { connection } = await bench.start({ fingerprint: { ...fingerprint, commands: unrenamed } });
        assert.deepEqual(await connection.call('CONFIG', 'GET', 'appendonly'), ['appendonly', 'no']);
        assert.equal(await connection.call('REPLICAOF', 'NO', 'ONE'), 'OK');
        await assert.rejects(connection.call('CONFIG', 'GET'), /^EngineReplyError: CONFIG: ERR wrong number/);
      });
    });

    it('refuses them inside of MULTI and of scripts too', async () => {
      await withBench(engine, async (bench) => {
        const client = await (await bench.start()).client();
        await assert.rejects(
          client.call('EVAL', "return redis.call('CLUSTER', 'RESET')", 0),
          EngineReplyError,
        );
        await client.call('MULTI');
        await assert.rejects(client.call('CLUSTER', 'RESET'), { code: 'NOPERM' });
        await assert.rejects(client.call('EXEC'), { code: 'EXECABORT' });
      });
    });

    it('lets clients do all the rest, in every database', async () => {
      await withBench(engine, async (bench) => {
        const client = await (await bench.start()).client();
        const commands = [
          ['SELECT', 1],
          ['SET', 'a', '1'],
          ['INFO'],
          ['KEYS', '*'],
          ['ACL', 'WHOAMI'],
          ['ACL', 'CAT'],
          ['CLIENT', 'LIST'],
          ['SLOWLOG', 'GET'],
          ['ROLE'],
          ['FUNCTION', 'LIST'],
          ['SCRIPT', 'LOAD', 'return 1'],
          ['PUBLISH', 'c', 'm'],
          ['WAIT', 0, 10],
          ['MEMORY', 'USAGE', 'a'],
          ['LATENCY', 'LATEST'],
          ['COMMAND', 'COUNT'],
          ['FLUSHALL'],
        ] as const;
        for (const [command, ...args] of commands) await client.call(command, ...args);
      });
    });

    it('lets Limber do everything', async () => {
      await withBench(engine, async (bench) => {
        const { connection } = await bench.start();
        assert.equal(await connection.call('ACL', 'WHOAMI'), 'limber');
        await connection.call('CONFIG', 'GET', 'bind');
        await connection.call('ACL', 'LIST');
        await connection.call('BGSAVE');
      });
    });

    it('shows no secret of Limber to a client that watches', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start({ parameters: [['slowlog-log-slower-than', '0']] });
        const watcher = connect(node.port, node.address);
        let watched = '';
        watcher.on('data', (data) => {
          watched += data;
        });
        watcher.write('MONITOR\r\n');
        await eventually(() => watched.includes('+OK'));
        const beside = await node.connection.another();
        const name = primaryCredentialNames((await fingerprintOf(engine)).server).password;
        await beside.call('CONFIG', 'SET', name, secrets.replication);
        await beside.call('ACL', 'SETUSER', 'limber', `>${secrets.limber}`);
        await beside.call('GET', 'the-end');
        await eventually(() => watched.includes('the-end'));
        beside.close();
        watcher.destroy();
        const log = JSON.stringify(await (await node.client()).call('SLOWLOG', 'GET', -1));
        for (const secret of Object.values(secrets))
          assert.ok(!watched.includes(secret) && !log.includes(secret));
      });
    });

    it('lets the replication user replicate and nothing else', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        const client = await node.client({ username: replicationUser, password: secrets.replication });
        assert.equal(await client.call('PING'), 'PONG');
        for (const [command, ...args] of [
          ['GET', 'a'],
          [nameOnNodes('config'), 'GET', 'bind'],
          ['INFO'],
          ['CLUSTER', 'INFO'],
        ] as const)
          await assert.rejects(client.call(command, ...args), { code: 'NOPERM' });
      });
    });

    it('does not let clients log in as Limber or see its secrets', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        await assert.rejects(node.client({ username: 'limber', password: 'guess' }), { code: 'WRONGPASS' });
        await assert.rejects(node.client({ username: 'limber', password: '' }), { code: 'WRONGPASS' });
        const client = await node.client();
        for (const subcommand of ['LIST', 'USERS', 'LOG'])
          await assert.rejects(client.call('ACL', subcommand), { code: 'NOPERM' });
        assert.ok(!node.log().includes(secrets.limber));
        // Its name stands in its environment, which the engine must not overwrite with a title.
        assert.match(readFileSync(`/proc/${node.process.pid}/environ`, 'utf8'), /LIMBER_NODE=test/);
        assert.ok(!readFileSync(`/proc/${node.process.pid}/cmdline`, 'utf8').includes(secrets.replication));
      });
    });
  });
}

async function replyCode(
  client: { call(command: string, ...args: string[]): Promise<unknown> },
  name: string,
  count: number,
) {
  const [command = '', ...subcommand] = name.split('|');
  try {
    await client.call(nameOnNodes(command), ...subcommand, ...Array.from({ length: count }, () => '1'));
    return 'ok';
  } catch (error) {
    return error instanceof EngineReplyError ? error.code : String(error);
  }
}
