/**
 * What an engine keeps on disk (`appendonlydir/`: a manifest, a base, increments), and whether it can be read again.
 * A cut-off end of the last increment is no damage: the engine loads up to it by itself (aof-load-truncated), and
 * what it cuts is kept before (unfinished-write.ts). Any other file has to be whole.
 */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How to start a program; the engine store gives it. */
export interface CheckProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface CheckPrograms {
  readonly checkAof: CheckProgram | null;
  readonly checkRdb: CheckProgram | null;
}

export interface Damage {
  /** Absolute path of the file. */
  readonly file: string;
  /** The checker's own words. */
  readonly problem: string;
  /** An increment can be cut before the damage; a base is whole or lost. */
  readonly isIncrement: boolean;
}

interface ListedFile {
  readonly path: string;
  readonly isBase: boolean;
}

const folder = 'appendonlydir';

/** True when there is something to start from: a manifest in `<directory>/appendonlydir`. */
export async function hasDataFiles(directory: string): Promise<boolean> {
  return (await manifestOf(directory)) !== null;
}

async function manifestOf(directory: string): Promise<string | null> {
  const names = await readdir(join(directory, folder)).catch(() => []);
  const name = names.find((one) => one.endsWith('.manifest'));
  return name === undefined ? null : join(directory, folder, name);
}

/**
 * The first file that cannot be read, or null. Each file is checked by itself: `valkey-check-aof` of 9.1 given the
 * manifest calls its own base files invalid (dataplane-experiments §7). Programs that are missing check nothing.
 */
export async function findDamage(directory: string, programs: CheckPrograms): Promise<Damage | null> {
  const manifest = await manifestOf(directory);
  if (manifest === null) return null;
  const files = await listedFiles(directory, manifest);
  for (const { path, isBase } of files) {
    const program = path.endsWith('.rdb') ? programs.checkRdb : programs.checkAof;
    if (!program) continue;
    const { code, output } = await run(program, [path]);
    // A cut-off end is reported as an error too. Damage in an RDB file looks like one: a length that is too large.
    const isCutOff =
      !isBase && path === files.at(-1)?.path && /truncat|unexpected end of file|EOF/i.test(output);
    if (code !== 0 && !isCutOff) return { file: path, problem: lastLines(output), isIncrement: !isBase };
  }
  return null;
}

/** Cuts an increment before its damage. The file must have been copied aside before. Throws when the checker cannot. */
export async function cutDamage(damage: Damage, programs: CheckPrograms): Promise<void> {
  if (!programs.checkAof) throw new Error('this engine brings no program that repairs an append-only file');
  const { code, output } = await run(programs.checkAof, ['--fix', damage.file], 'y\n');
  if (code !== 0) throw new Error(`${damage.file} cannot be repaired: ${lastLines(output)}`);
}

/** The file that was written last, which alone may end in the middle of a write; null without one. */
export async function lastIncrement(directory: string): Promise<string | null> {
  const manifest = await manifestOf(directory);
  if (manifest === null) return null;
  const last = (await listedFiles(directory, manifest)).at(-1);
  return last && !last.isBase ? last.path : null;
}

/** Bytes of an increment up to its first fault, by the engine's own checker; null when it cannot tell by the deadline. */
export async function readableBytes(
  file: string,
  programs: CheckPrograms,
  deadlineMs: number,
): Promise<number | null> {
  if (!programs.checkAof) return null;
  const { output } = await run(programs.checkAof, [file], '', deadlineMs);
  const [, bytes] = /\bok_up_to=(\d+)/.exec(output) ?? [];
  return bytes === undefined ? null : Number(bytes);
}

/** Lines of the manifest: `file NAME seq N type b|i|h`; history files are not read any more. */
async function listedFiles(directory: string, manifest: string): Promise<ListedFile[]> {
  const text = await readFile(manifest, 'utf8');
  return text.split('\n').flatMap((line) => {
    const [, name, type] = /^file (\S+) seq \d+ type ([bi])/.exec(line) ?? [];
    return name ? [{ path: join(directory, folder, name), isBase: type === 'b' }] : [];
  });
}

function run(
  program: CheckProgram,
  args: readonly string[],
  input = '',
  deadlineMs?: number,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program.command, [...program.args, ...args], {
      env: { ...program.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(deadlineMs === undefined ? {} : { timeout: deadlineMs, killSignal: 'SIGKILL' }),
    });
    let output = '';
    const add = (chunk: Buffer) => {
      output = (output + chunk.toString('latin1')).slice(-8192);
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-3).join(' ').slice(0, 500);
