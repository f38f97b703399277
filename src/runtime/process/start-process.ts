/** Spawns a node's process and waits until its engine answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeHandle } from '../../model/node.ts';
import { readProcess } from '../../platform/proc.ts';
import type { NodeSpec, StartOptions } from '../contract.ts';
import type { ExitWatch } from './exit-watch.ts';
import type { NodeOutput } from './node-logs.ts';
import { handleOf, hasEnded } from './process-state.ts';

export interface SpawnedNode {
  readonly child: ChildProcess;
  readonly handle: NodeHandle;
  /** Resolves when its exit code is known. */
  readonly exited: Promise<unknown>;
}

/**
 * Spawned in a session of its own, so that neither our terminal's signals nor our end reach it; with nothing of
 * our environment. Throws what the kernel says (no such program, no right, no memory).
 */
export async function spawnNode(
  spec: NodeSpec,
  directory: string,
  marks: Readonly<Record<string, string>>,
  output: NodeOutput,
): Promise<SpawnedNode> {
  let child: ChildProcess;
  let input: number | null = null;
  // A process inherits the umask, and Node has no other way to give one. Nothing else runs in between.
  const umask = process.umask(0o077);
  try {
    if (spec.input !== undefined) input = openSync(join(directory, spec.input), 'r');
    child = spawn(spec.command, spec.args, {
      cwd: directory,
      // Engines tell their clients the path that they were started by (INFO), which is none of theirs.
      argv0: `/${basename(spec.command)}`,
      env: { ...spec.env, ...marks },
      detached: true,
      stdio: [input ?? 'ignore', output.descriptor, output.descriptor],
    });
  } catch (error) {
    output.abandon();
    throw error;
  } finally {
    process.umask(umask);
    if (input !== null) closeSync(input);
  }
  const failure = new Promise<Error>((resolve) => child.on('error', resolve));
  if (child.pid === undefined) {
    output.abandon();
    throw await failure;
  }
  output.spawned();
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.unref();
  // Our own child cannot be missing: it is not reaped before the event loop turns.
  const stat = readProcess(child.pid);
  if (!stat) throw new Error(`process ${child.pid} has just been started and is not in /proc`);
  return { child, handle: handleOf(stat), exited };
}

/**
 * Resolves when `isReady` has said yes and the process still lives: somebody else may answer at its address.
 * Throws the reason otherwise. An `isReady` that throws has said no.
 */
export async function untilReady(
  handle: NodeHandle,
  { isReady, deadlineMs }: Pick<StartOptions, 'isReady' | 'deadlineMs'>,
  watch: ExitWatch,
): Promise<void> {
  let lastError: unknown;
  const ask = async () => {
    try {
      return await isReady();
    } catch (error) {
      lastError = error;
      return false;
    }
  };
  const end = endOf(handle, deadlineMs, watch);
  try {
    for (let pauseMs = 1; ; pauseMs = Math.min(10, pauseMs * 1.15)) {
      const answer = await Promise.race([ask(), end.reached]);
      if (answer === 'ended' || hasEnded(handle)) throw new Error('its process has ended');
      if (answer === true) return;
      if (answer === 'late')
        throw new Error(`it did not answer within ${deadlineMs} ms`, { cause: lastError });
      await Promise.race([delay(pauseMs), end.reached]); // engines answer after 6-50 ms
    }
  } finally {
    end.forget();
  }
}

function endOf(handle: NodeHandle, deadlineMs: number, watch: ExitWatch) {
  let forget = () => {};
  const reached = new Promise<'ended' | 'late'>((resolve) => {
    const timer = setTimeout(resolve, deadlineMs, 'late' as const);
    const unsubscribe = watch.onExit(handle, () => resolve('ended'));
    forget = () => {
      clearTimeout(timer);
      unsubscribe();
    };
  });
  return { reached, forget };
}
