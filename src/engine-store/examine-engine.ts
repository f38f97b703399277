/** What an engine of the user's own can do: asked of the program itself, which is started for a moment without a port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineUnavailable, type InstalledEngine } from './contract.ts';
import { runProgram } from './run-program.ts';

interface EngineAbilities {
  readonly tls: boolean;
  /** Modules can be loaded. */
  readonly modules: boolean;
  /** Why Limber cannot run it; empty when it can. */
  readonly lacks: readonly string[];
}

/** From its start to the last answer. A judgement: it takes some 20 ms. */
const answerMs = 5_000;

/** Throws `EngineUnavailable` when it does not start. */
export async function examineEngine(engine: InstalledEngine): Promise<EngineAbilities> {
  const server = engine.program('server');
  if (!server) throw new Error(`${engine.engine} without a server`);
  if (engine.engine === 'memcached') {
    const help = await runProgram(server.command, [...server.args, '-h'], { timeoutMs: answerMs });
    return { tls: help.stdout.includes('--enable-ssl'), modules: false, lacks: [] };
  }
  const directory = await mkdtemp(join(tmpdir(), 'limber-examine-'));
  const socket = join(directory, 'socket');
  const quiet = ['--port', '0', '--save', '', '--dir', directory, '--unixsocket', socket];
  const child = spawn(server.command, [...server.args, ...quiet], {
    cwd: directory,
    env: { ...process.env, ...server.env },
    stdio: 'ignore',
  });
  const ended = once(child, 'close').catch(() => null);
  try {
    return await ask(child, socket, engine);
  } finally {
    child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  }
}

async function ask(child: ChildProcess, socket: string, engine: InstalledEngine): Promise<EngineAbilities> {
  await untilItAnswers(child, socket, engine);
  const isKnown = async (command: string) => !(await answerTo(socket, command)).startsWith('-');
  return {
    tls: (await answerTo(socket, 'CONFIG GET tls-port')).includes('tls-port'),
    modules: await isKnown('MODULE LIST'),
    lacks: [
      ...((await isKnown('CONFIG SET bind 127.0.0.1'))
        ? []
        : [
            'it cannot change `bind` while it runs (Redis OSS can since 6.2), so that no endpoint could follow a failover',
          ]),
      ...((await isKnown('ACL WHOAMI'))
        ? []
        : [
            "it has no users (Redis OSS has since 6.0), so that clients could do what only Limber's own connections may",
          ]),
    ],
  };
}

async function untilItAnswers(child: ChildProcess, socket: string, engine: InstalledEngine): Promise<void> {
  const deadline = performance.now() + answerMs;
  for (;;) {
    const answer = await answerTo(socket, 'PING').catch(() => '');
    if (answer.startsWith('+PONG')) return;
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline)
      throw new EngineUnavailable(
        'bad-path',
        `${engine.directory} holds ${engine.engine} ${engine.version}, which does not start`,
      );
    await delay(5);
  }
}

/** As the wire has it: `-…` is an error. */
async function answerTo(path: string, command: string): Promise<string> {
  const connection = createConnection({ path, timeout: answerMs });
  connection.on('timeout', () => connection.destroy(new Error(`no answer to ${command}`)));
  connection.write(`${command}\r\nQUIT\r\n`);
  let text = '';
  for await (const chunk of connection) text += chunk;
  return text;
}
