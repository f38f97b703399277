/** How commands read their arguments, and how they fail. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Thrown for a command line that is written wrongly: the message is shown with the usage, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Thrown when a command cannot do what it was asked. The message says why and what to do, and is shown alone. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: number;

  constructor(message: string, { exitCode = 1, ...options }: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** What each command in `src/cli/` exports. */
export interface Command {
  readonly usage: string;
  /** Answers with the exit code. Throws `UsageError` and `CommandFailed`. */
  run(argv: string[]): Promise<number>;
}

/** Thrown when another Limber uses the data directory: `up --detach` then asks that one whether it is healthy. */
export const heldExitCode = 4;

type OptionTable = NonNullable<ParseArgsConfig['options']>;

/** The option that says which data directory is meant; every command that looks at a Limber takes it. */
export const dataOption = { data: { type: 'string' } } as const;

/** Options with a value, of all commands: they may stand before the command (`limber --port 9000 up`). */
const optionsWithValue = ['port', 'data', 'pool', 'dns', 'format', 'region', 'log-level'];

/** `parseArgs`, but what it finds wrong is a `UsageError`. At most `positionalsMax` arguments without a dash. */
export function readArguments<T extends OptionTable>(argv: string[], options: T, positionalsMax = 0) {
  let parsed: ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: argv, options, allowPositionals: true });
  } catch (error) {
    // Only the first sentence: the second explains how to pass what begins with a dash, which nobody wanted.
    throw new UsageError((error as Error).message.split(/\. (?=To )/)[0]);
  }
  const surplus = parsed.positionals[positionalsMax];
  if (surplus !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(surplus)}`);
  return parsed;
}

/** The command and its arguments; options that stood before the command are moved after it. Undefined without a command. */
export function splitCommand(argv: readonly string[]): { name: string | undefined; rest: string[] } {
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at]!;
    if (word === '--') break;
    if (!word.startsWith('-')) return { name: word, rest: [...argv.slice(0, at), ...argv.slice(at + 1)] };
    if (optionsWithValue.includes(word.replace(/^--/, ''))) at += 1;
  }
  return { name: undefined, rest: [...argv] };
}

/** 0 asks for any free port. */
export function readPort(text: string, where: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`${where} ${JSON.stringify(text)}: expected a port number, 0 to 65535`);
}

/** The absolute path: the option's, else LIMBER_DATA's, else `~/.limber`. */
export function readDataDirectory(option: string | undefined): string {
  const given = option ?? process.env.LIMBER_DATA;
  if (given === undefined || (given === '' && option === undefined)) return defaultDataDirectory();
  if (given === '') throw new UsageError('--data: expected a directory');
  // The shell leaves `--data=~/here` as it is.
  return given === '~' || given.startsWith('~/') ? join(homedir(), given.slice(1)) : resolve(given);
}

export function defaultDataDirectory(): string {
  return join(homedir(), '.limber');
}
