/**
 * Whether what an engine keeps on disk can be read again, by the engine's own checkers. A cut-off end of the last
 * increment is no damage: the engine loads up to it by itself (aof-load-truncated), and what it cuts is kept before
 * (unfinished-write.ts). Any other file has to be whole. Whether the files are there at all: append-only-files.ts.
 */
import { spawn } from 'node:child_process';
import type { Files } from '../../platform/files.ts';
import type { AppendOnlyFile } from './append-only-files.ts';
import { findUnfinishedWrite } from './unfinished-write.ts';

/** How to start a program; the engine store gives it. */
interface CheckProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface CheckPrograms {
  readonly checkAof: CheckProgram | null;
  readonly checkRdb: CheckProgram | null;
}

interface Damage {
  /** Absolute path of the file. */
  readonly file: string;
  /** The checker's own words. */
  readonly problem: string;
  /** An increment can be cut before the damage; a base is whole or lost. */
  readonly isIncrement: boolean;
}

/**
 * The first of the files that cannot be read, or null. Each is checked by itself: `valkey-check-aof` of 9.1 given the
 * manifest calls its own base files invalid (dataplane-experiments §7). Programs that are missing check nothing.
 */
export async function findDamage(
  where: Files,
  files: readonly AppendOnlyFile[],
  programs: CheckPrograms,
): Promise<Damage | null> {
  for (const { path, isBase } of files) {
    const program = path.endsWith('.rdb') ? programs.checkRdb : programs.checkAof;
    if (!program) continue;
    const { code, output } = await run(program, [path]);
    if (code === 0) continue;
    // A cut-off end fails the check as damage does, in the same words. The bytes that stand there show which of them it is.
    const isLast = !isBase && path === files.at(-1)?.path;
    const isCutOff = isLast && (await findUnfinishedWrite(where, path, async () => okUpTo(output))) !== null;
    if (!isCutOff) return { file: path, problem: lastLines(output), isIncrement: !isBase };
  }
  return null;
}

/** Cuts an increment before its damage. The file must have been copied aside before. Throws when the checker cannot. */
export async function cutDamage(damage: Damage, programs: CheckPrograms): Promise<void> {
  if (!programs.checkAof) throw new Error('this engine brings no program that repairs an append-only file');
  const { code, output } = await run(programs.checkAof, ['--fix', damage.file], 'y\n');
  if (code !== 0) throw new Error(`${damage.file} cannot be repaired: ${lastLines(output)}`);
}

/** Bytes of an increment up to its first fault, by the engine's own checker; null when it does not say so by the deadline. */
export async function readableBytes(
  file: string,
  programs: CheckPrograms,
  deadlineMs: number,
): Promise<number | null> {
  if (!programs.checkAof) return null;
  const { output } = await run(programs.checkAof, [file], '', deadlineMs);
  return okUpTo(output);
}

/** What the checker's own sentence says after the name of the file, which may hold any words. */
function okUpTo(output: string): number | null {
  const [, bytes] = /^AOF analyzed: .*, ok_up_to=(\d+), ok_up_to_line=\d+, diff=-?\d+$/m.exec(output) ?? [];
  return bytes === undefined ? null : Number(bytes);
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
