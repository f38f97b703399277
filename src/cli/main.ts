import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, CommandFailed, splitCommand, UsageError } from './arguments.ts';

/** Commands and what the usage says of them, in its order. Each lives in the file of its name. */
const commands = {
  up: 'start Limber (--port 8379, --data ~/.limber, --pool CIDR, --detach)',
  down: 'stop Limber; caches go on (--caches: stop them too)',
  env: 'print what the AWS CLI and SDKs need, for eval (--format sh|json|profile)',
  status: 'show whether Limber runs, and its caches (--json)',
  connect: "open the engine's own cli on a cache: limber connect NAME",
  ca: 'print what clients with TLS trust (limber ca import: bring your own authority)',
  logs: 'show what the nodes of a cache have logged: limber logs NAME (--slow, --follow)',
  switchover: 'let another member lead its shard, without losing a write: limber switchover orders-002',
  fault: 'break a node or a zone on purpose: limber fault kill orders-001',
  engines: 'list engines, or fetch one: limber engines install valkey@8.1',
  doctor: 'check this machine for what Limber needs',
  version: 'print the version',
  help: 'show this, or how a command is used: limber help COMMAND',
} as const;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: string[]): Promise<number> {
  const { name, rest } = splitCommand(argv);
  const asksHelp = takesHelp(rest);
  if (name === undefined) {
    if (rest.includes('--version') || rest.includes('-v')) return await runCommand('version', []);
    if (rest.length === 0 || asksHelp) return await help(undefined);
    return fail(`name a command after ${rest.join(' ')}`, usage());
  }
  if (!Object.hasOwn(commands, name)) {
    return fail(`there is no command ${JSON.stringify(name)}`, usage());
  }
  if (name === 'help') return await help(rest.find((word) => !word.startsWith('-')));
  if (asksHelp) return await help(name);
  return await runCommand(name, rest);
}

async function runCommand(name: string, rest: string[]): Promise<number> {
  endWithReader(name);
  const command = await load(name);
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) return fail(error.message, command.usage);
    return fail(messageOf(error), null, error instanceof CommandFailed ? error.exitCode : 1);
  }
}

async function load(name: string): Promise<Command> {
  // Compiled once, then read back: a start with a hundred files takes 0.1 s instead of 0.3 s. In our own folder,
  // because anybody may write to the default one under /tmp; where it cannot be written nothing is kept.
  enableCompileCache(join(fileURLToPath(import.meta.url), '../../../node_modules/.cache/limber'));
  return await import(`./${name}.ts`);
}

/** A `--help` that comes after `--` belongs to the program that we call. */
function takesHelp(rest: readonly string[]): boolean {
  const end = rest.indexOf('--');
  const ours = end < 0 ? rest : rest.slice(0, end);
  return ours.includes('--help') || ours.includes('-h');
}

async function help(name: string | undefined): Promise<number> {
  if (name === undefined || name === 'help') {
    console.log(usage());
    return 0;
  }
  if (!Object.hasOwn(commands, name)) return fail(`there is no command ${JSON.stringify(name)}`, usage());
  console.log((await load(name)).usage);
  return 0;
}

/** `limber status | head -1`: nobody reads on, so there is nothing left to do. */
function endWithReader(name: string): void {
  // A server goes on. And the engine's own cli must find its output as the shell made it: Node would set a pipe to
  // non-blocking mode, which the program that takes over from us does not expect.
  if (name === 'up' || name === 'connect') return;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

function fail(message: string, usageText: string | null, exitCode = 2): number {
  console.error(`limber: ${message}${usageText === null ? '' : `\n\n${usageText}`}`);
  return exitCode;
}

/** An error with what caused it. Its stack is shown with LIMBER_DEBUG only, since it helps people who read the code. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (process.env.LIMBER_DEBUG && !(error instanceof CommandFailed)) return error.stack ?? error.message;
  const { message, cause } = error;
  const addsNothing = !(cause instanceof Error) || message.includes(cause.message);
  return addsNothing ? message : `${message} (${cause.message})`;
}

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
  return `Usage: limber COMMAND [ARGUMENTS]

A managed cache service behind Amazon ElastiCache's own API.

${lines.join('\n')}`;
}
