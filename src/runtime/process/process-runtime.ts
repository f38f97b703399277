/**
 * Runs cache nodes as detached processes of this machine, by the same user as Limber. They know nothing of us:
 * our end, a crash and an upgrade leave them alone, and the next Limber finds them by their handles, or by their
 * marks where Limber died before it could record a handle.
 */
import { mkdirSync, realpathSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isSameProcess, type NodeHandle, processName } from '../../model/node.ts';
import type { Clock } from '../../platform/clock.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import { localFiles } from '../../platform/local-files.ts';
import type { Log } from '../../platform/log.ts';
import { bootId, readMainThreadCpuMs, readStateLetter, readWorkingDirectory } from '../../platform/proc.ts';
import {
  DirectoryUnusable,
  type NodeRuntime,
  type NodeSpec,
  NodeStillAlive,
  type ProcessState,
  SpawnFailed,
  type StartOptions,
} from '../contract.ts';
import { fenceProcess, isReleasedWithin, killOrphan, stopProcess, suspendProcess } from './end-process.ts';
import { createExitWatch, type ExitWatch } from './exit-watch.ts';
import { logSize, readLastWords } from './last-words.ts';
import { type MarkedProcess, type ProcessMarks, processMarks } from './marked-processes.ts';
import { type NodeDirectories, nodeDirectories } from './node-directories.ts';
import { createNodeLogs, type NodeLogs } from './node-logs.ts';
import { createOutputPipes } from './output-pipes.ts';
import { handleOf, hasEnded, inspectProcess } from './process-state.ts';
import { type SpawnedNode, spawnNode, untilReady } from './start-process.ts';

export interface ProcessRuntimeOptions {
  /** Made (0700) when missing. */
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Context {
  readonly clock: Clock;
  readonly log: Log;
  readonly directories: NodeDirectories;
  readonly marks: ProcessMarks;
  readonly logs: NodeLogs;
  readonly watch: ExitWatch;
  /** Directories that this runtime made and that no process has run in: the search for survivors is spared. */
  readonly fresh: Set<string>;
  /** The last process of each incarnation that we know of. */
  readonly latest: Map<string, NodeHandle>;
  readonly starting: Set<string>;
  /** By incarnation: processes that live in another PID namespace. */
  readonly unseen: Map<string, NodeHandle>;
}

const unseenState: ProcessState = { kind: 'running', cpuMs: 0, isWaitingForDisk: false, rssBytes: 0 };

/** After a failed start, for the kernel to end what was killed. A judgement: 10 s is 60 GiB. */
const cleanUpDeadlineMs = 10_000;

/** One per data directory: nothing here guards against a second Limber, the state store's lock does. */
export function createProcessRuntime({ dataDirectory, clock, log }: ProcessRuntimeOptions): NodeRuntime {
  mkdirSync(join(dataDirectory, 'nodes'), { recursive: true, mode: 0o700 });
  const data = realpathSync(dataDirectory);
  const directories = nodeDirectories(join(data, 'nodes'));
  const pipes = createOutputPipes(directories.root);
  const context: Context = {
    clock,
    log,
    directories,
    marks: processMarks(data, directories.root),
    logs: createNodeLogs(log),
    watch: createExitWatch(log),
    fresh: new Set(),
    latest: new Map(),
    starting: new Set(),
    unseen: new Map(),
  };
  const { unseen } = context;
  const isUnseen = (handle: NodeHandle) =>
    unseen.size > 0 && [...unseen.values()].some((one) => isSameProcess(one, handle));
  return {
    files: localFiles,
    directoryOf: directories.of,
    async prepare(incarnation, { roomBytes = 0 } = {}) {
      if (await directories.make(incarnation, roomBytes)) context.fresh.add(incarnation);
      await pipes.ensure(directories.of(incarnation));
    },
    start: (spec, options) => start(spec, options, context),
    inspect: (handle) => (isUnseen(handle) ? unseenState : inspectProcess(handle)),
    cpuMs: (handle) => (isUnseen(handle) ? null : readMainThreadCpuMs(handle.pid)),
    isRunning: (handle) => isUnseen(handle) || !'TtZX'.includes(readStateLetter(handle.pid) ?? 'X'),
    worksInItsFolder(incarnation, handle) {
      const directory = isUnseen(handle) ? null : readWorkingDirectory(handle.pid);
      return directory === null ? null : directory === join(directories.of(incarnation), 'data');
    },
    assumeAlive(incarnation, handle) {
      if (!handle) unseen.delete(incarnation);
      else if (handle.bootId === bootId()) unseen.set(incarnation, handle);
    },
    onExit: (handle, listener) => (isUnseen(handle) ? () => {} : context.watch.onExit(handle, listener)),
    async stop(handle, { graceMs }) {
      if (isUnseen(handle)) throw new Error(`${processName(handle)} cannot be ended: ${notSeen}`);
      await stopProcess(handle, graceMs, context);
    },
    fence: async (handle, { deadlineMs }) =>
      isUnseen(handle) ? 'unknown' : fenceProcess(handle, deadlineMs, context),
    suspend: (handle, isHeld) => !isUnseen(handle) && suspendProcess(handle, isHeld),
    destroy: (incarnation) => destroy(incarnation, context),
    followOutput: (incarnation, { pid }) => context.logs.attach(directories.of(incarnation), pid),
    lastWords: (incarnation, lines) => readLastWords(directories.of(incarnation), lines),
    findProcesses: () => findProcesses(context),
    findDirectories: directories.list,
  };
}

const notSeen = 'it runs in another PID namespace';

async function start(spec: NodeSpec, options: StartOptions, context: Context): Promise<NodeHandle> {
  const { incarnation } = spec;
  const unseen = context.unseen.get(incarnation);
  if (unseen)
    throw new SpawnFailed(`node ${incarnation} has ${processName(unseen)} already: ${notSeen}`, '', {
      survivors: [unseen],
    });
  if (context.starting.has(incarnation)) throw new Error(`node ${incarnation} is being started already`);
  context.starting.add(incarnation);
  try {
    const directory = context.directories.of(incarnation);
    if (!(await stat(directory).catch(() => null))?.isDirectory())
      throw new SpawnFailed(`node ${incarnation} has no directory ${directory}: prepare it first`, '');
    const survivor = context.fresh.has(incarnation) ? null : await survivorOf(incarnation, options, context);
    context.fresh.delete(incarnation);
    return await (survivor ? adopt(spec, survivor, options, context) : launch(spec, options, context));
  } finally {
    context.starting.delete(incarnation);
  }
}

/** The live process of an incarnation, if any. What a dead one has left is cleared away first. */
async function survivorOf(incarnation: string, { deadlineMs }: StartOptions, context: Context) {
  const marked = await context.marks.find(incarnation);
  const leaders = marked.filter(({ isLeader }) => isLeader).map(({ stat }) => handleOf(stat));
  if (leaders.length > 1) {
    const pids = leaders.map(({ pid }) => pid).join(', ');
    throw new SpawnFailed(
      `node ${incarnation} has ${leaders.length} processes (${pids}); fence all but the right one`,
      '',
      { survivors: leaders },
    );
  }
  if (leaders[0]) return leaders[0];
  for (const orphan of marked) await killOrphan(orphan.stat, handleOf(orphan.stat), context);
  // One that was fenced may hold its address until the kernel has freed its memory.
  const latest = context.latest.get(incarnation);
  if (latest) await isReleasedWithin(latest, deadlineMs, context.clock);
  return null;
}

async function adopt(spec: NodeSpec, handle: NodeHandle, options: StartOptions, context: Context) {
  context.log.warn('a cache node that nobody recorded is adopted', {
    incarnation: spec.incarnation,
    pid: handle.pid,
  });
  context.latest.set(spec.incarnation, handle);
  context.logs.attach(context.directories.of(spec.incarnation), handle.pid);
  await options.onSpawned(handle);
  try {
    await untilReady(handle, options, context.watch);
  } catch (cause) {
    const words = await readLastWords(context.directories.of(spec.incarnation), 20);
    throw new SpawnFailed(
      `node ${spec.incarnation} was found running as process ${handle.pid}, but ${(cause as Error).message}`,
      words,
      { cause, survivors: hasEnded(handle) ? [] : [handle] },
    );
  }
  return handle;
}

async function launch(spec: NodeSpec, options: StartOptions, context: Context): Promise<NodeHandle> {
  const { incarnation } = spec;
  const directory = context.directories.of(incarnation);
  await context.directories.write(incarnation, spec.files);
  let since: number | null = null;
  let spawned: SpawnedNode | null = null;
  try {
    since = await logSize(directory);
    const output = context.logs.open(directory);
    spawned = await spawnNode(spec, directory, context.marks.environmentOf(incarnation), output);
    context.latest.set(incarnation, spawned.handle);
    context.watch.addChild(spawned.handle, spawned.child);
    faultPoint('node-spawned-not-recorded');
    await options.onSpawned(spawned.handle);
    await untilReady(spawned.handle, options, context.watch);
    return spawned.handle;
  } catch (cause) {
    const end = spawned && (await endOfFailedStart(spawned, context));
    await context.logs.rest(directory);
    const words = since === null ? '' : await readLastWords(directory, 20, since);
    const reason = `${(cause as Error).message}${end?.how ?? ''}`;
    throw new SpawnFailed(
      `${basename(spec.command)} of node ${incarnation} did not start: ${reason}`,
      words,
      {
        cause,
        survivors: end?.survivors ?? [],
      },
    );
  }
}

/** Ends what is left of a failed start. Gives how the process ended when it did so by itself. */
async function endOfFailedStart({ handle, child, exited }: SpawnedNode, context: Context) {
  const hadEnded = hasEnded(handle);
  const fenced = await fenceProcess(handle, cleanUpDeadlineMs, context);
  if (hadEnded) await Promise.race([exited, delay(100)]); // Node gives the exit code a moment after the death
  const how = child.signalCode ? ` by ${child.signalCode}` : ` with code ${child.exitCode}`;
  return { how: hadEnded ? how : '', survivors: fenced === 'fenced' ? [] : [handle] };
}

async function destroy(incarnation: string, context: Context): Promise<void> {
  const directory = context.directories.of(incarnation); // checks the name before anything is killed
  if (context.starting.has(incarnation)) throw new NodeStillAlive(`node ${incarnation} is being started`, []);
  const unseen = context.unseen.get(incarnation);
  if (unseen)
    throw new NodeStillAlive(`${directory} is not deleted: ${processName(unseen)} lives; ${notSeen}`, [
      unseen,
    ]);
  const marked = await context.marks.find(incarnation);
  const leaders = marked.filter(({ isLeader }) => isLeader).map(({ stat }) => handleOf(stat));
  if (leaders.length > 0)
    throw new NodeStillAlive(
      `${directory} is not deleted: process ${leaders.map(({ pid }) => pid).join(', ')} of its node lives`,
      leaders,
    );
  for (const orphan of marked) await killOrphan(orphan.stat, handleOf(orphan.stat), context);
  try {
    await context.directories.remove(incarnation);
  } catch (cause) {
    throw new DirectoryUnusable(`deleting the node directory ${directory}`, { cause });
  }
  context.fresh.delete(incarnation);
  context.latest.delete(incarnation);
}

async function findProcesses(context: Context): Promise<Map<string, NodeHandle[]>> {
  const leaders = (await context.marks.find()).filter(({ isLeader }) => isLeader);
  const found = Map.groupBy(leaders, ({ incarnation }: MarkedProcess) => incarnation);
  const handles = new Map<string, NodeHandle[]>();
  for (const [incarnation, processes] of found) {
    handles.set(
      incarnation,
      processes.map(({ stat }) => handleOf(stat)),
    );
    if (!context.latest.has(incarnation)) context.latest.set(incarnation, handleOf(processes[0]!.stat));
  }
  return handles;
}
