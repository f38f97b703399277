/** A server that nobody of ours has started, on the same machine, which talks to the cluster bus of our nodes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Address, connectResp } from '../../bench/lib/resp-client.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { busPortOf } from '../../src/fleet/launch.ts';
import { eventually } from '../support/eventually.ts';

export interface Stranger extends Address {
  readonly process: ChildProcess;
  ask(...command: [string, ...(string | number)[]]): Promise<unknown>;
  /** Claims these slots with an epoch above everybody's, and meets the node: both at once, as a script would. */
  claim(slots: readonly [number, number], node: Address): Promise<void>;
  meet(node: Address): Promise<void>;
  end(): Promise<void>;
}

/** Above whatever the one before had, and its victims took from it. */
let epoch = 0;

/** `version` as `8.1`; the newest Valkey unless said otherwise. With the engine's own defaults. */
export async function startStranger(
  t: Pick<TestContext, 'after'> | null,
  { engine = 'valkey', version }: { engine?: 'valkey' | 'redis'; version?: string } = {},
): Promise<Stranger> {
  const found = (await createEngineStore().installed()).filter(
    (one) => one.engine === engine && (version === undefined || one.version.startsWith(`${version}.`)),
  );
  const server = found[0]?.program('server');
  if (!server) throw new Error(`${engine} ${version ?? ''} is not at hand`);
  const directory = mkdtempSync(join(tmpdir(), 'limber-stranger-'));
  const address = '127.0.0.1';
  const port = await freePort(address);
  const settings = {
    'cluster-enabled': 'yes',
    bind: address,
    port,
    dir: directory,
    save: '',
    logfile: join(directory, 'log'),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(server.command, [...server.args, ...args], {
    stdio: 'ignore',
    env: { ...process.env, ...server.env },
  });
  const end = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(directory, { recursive: true, force: true });
  };
  t?.after(end);
  const client = await eventually(() => connectResp({ address, port }, 1_000));
  const ask: Stranger['ask'] = (...command) => client.ask(...command);
  const meet = async (node: Address) =>
    void (await ask('CLUSTER', 'MEET', node.address, node.port, busPortOf(node.port)));
  return {
    address,
    port,
    process: child,
    ask,
    meet,
    async claim([first, last], node) {
      epoch += 1_000;
      await ask('CLUSTER', 'SET-CONFIG-EPOCH', epoch);
      await ask('CLUSTER', 'ADDSLOTSRANGE', first, last);
      await meet(node);
    },
    async end() {
      client.close();
      await end();
    },
  };
}

/** Its bus port is 10000 above, and has to be free too. */
async function freePort(address: string): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    if ((await isFree(address, port)) && (await isFree(address, port + 10_000))) return port;
  }
}

function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
