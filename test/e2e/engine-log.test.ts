/** What an engine logs, which clients can make it do at 100 MB a second: bounded with Limber and without it. */
import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { directoryOf, kill, type Node, wholeAgain, wholeWithout } from './faults.ts';

const installed = (await createEngineStore().installed()).filter(({ engine }) => engine !== 'memcached');

let limber: Limber;
before(async () => {
  limber = await startLimber();
});

/** 100 MB of log, in lines of 1 KB. */
const flood = "for i=1,100000 do redis.log(redis.LOG_WARNING, string.rep('x', 1000)) end return 'flooded'";

async function say(node: Node, words: string): Promise<void> {
  const client = await connectResp(node);
  await client.ask('EVAL', `return redis.log(redis.LOG_WARNING, '${words}')`, '0');
  client.close();
}

async function run(node: Node, script: string): Promise<void> {
  const client = await connectResp(node);
  assert.equal(await client.ask('EVAL', script, '0'), 'flooded');
  client.close();
}

const logOf = (node: Node): string => join(directoryOf(limber, node), 'engine.log');
const logged = async (node: Node): Promise<string> => readFile(logOf(node), 'utf8').catch(() => '');

async function bytesOf(node: Node): Promise<number> {
  const directory = directoryOf(limber, node);
  const names = (await readdir(directory)).filter((name) => name.includes('.log'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

for (const { engine, version } of installed)
  describe(`the log of ${engine} ${version}`, () => {
    const id = `log-${engine}-${version.replaceAll('.', '-')}`;
    let node: Node;
    before(async () => {
      const EngineVersion = version.split('.').slice(0, 2).join('.');
      await createGroup(limber, id, { Engine: engine, EngineVersion });
      [node] = (await wholeAgain(limber, id)) as [Node];
    });

    it('stands in the folder of the node', async () => {
      await say(node, 'good morning');
      await eventually(async (see) => /good morning/.test(see(await logged(node))));
    });

    it('stays small while a client makes it write 100 MB, and goes on after that', async () => {
      await run(node, flood);
      assert.ok((await bytesOf(node)) < 2 * 2 ** 20, `${await bytesOf(node)} bytes`);
      await eventually(async () => {
        await say(node, 'still there');
        return /still there/.test(await logged(node));
      });
      assert.match(await logged(node), /some of what it wrote here is lost/);
    });

    it('takes no more than a pipe holds while Limber is away, and the engine waits for nobody', async () => {
      await limber.kill();
      try {
        const before_ = await bytesOf(node);
        await say(node, 'who is there');
        await run(node, flood);
        await run(node, flood);
        assert.equal(await bytesOf(node), before_);
      } finally {
        await limber.restart();
      }
      await eventually(async () => /who is there/.test(await logged(node)));
      await say(node, 'welcome back');
      await eventually(async () => {
        await say(node, 'welcome back');
        return /welcome back/.test(await logged(node));
      });
    });

    it('tells why the engine ended', async () => {
      process.kill(node.pid, 'SIGTERM');
      await eventually(async (see) => /bye bye/.test(see((await logged(node)).slice(-5_000))));
      const [again] = await wholeWithout(limber, id, [node]);
      kill(again!);
      await wholeWithout(limber, id, [again!]);
    });
  });
