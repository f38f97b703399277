/**
 * A control connection that clients of the cache may cut, by CLIENT KILL, as often as they like: what was lost with it is
 * asked again on a connection of its own, as long as the process lives. Everything that Limber sends may be sent twice.
 * Measured, against eight clients that cut in a loop: a call takes 1 to 3 ms.
 */
import { systemClock } from '../../platform/clock.ts';
import {
  type Command,
  type ConnectOptions,
  callApart,
  connectEngine,
  type EngineConnection,
} from './client.ts';
import { EngineDistrusted, EngineReplyError, EngineUnreachable } from './engine-errors.ts';
import { insist } from './insist.ts';

/** `isRunning`: whether the engine's process lives, by a look that costs next to nothing. Throws as `connectEngine`. */
export async function connectStubbornly(
  options: ConnectOptions,
  isRunning: () => boolean,
): Promise<EngineConnection> {
  let connection: EngineConnection | null = null;
  try {
    connection = await connectEngine(options);
  } catch (error) {
    if (!isCut(error) || !isRunning()) throw error;
  }
  return stubborn(connection, options, isRunning);
}

/** It was accepted and ended, or never known; not: nobody listens, or a stranger. */
const isCut = (error: unknown): boolean =>
  error instanceof EngineUnreachable &&
  !(error instanceof EngineDistrusted) &&
  (error.cause as NodeJS.ErrnoException)?.code !== 'ECONNREFUSED';

/** Between two attempts: most come through at the first, and what cuts all of them is not fought with all of our time. */
const pauseMaxMs = 10;

function stubborn(
  connection: EngineConnection | null,
  options: ConnectOptions,
  isRunning: () => boolean,
): EngineConnection {
  const clock = options.clock ?? systemClock;
  let isClosedByUs = false;

  async function callAgain(
    deadlineMs: number,
    commands: readonly Command[],
    lost: unknown,
  ): Promise<unknown[]> {
    const until = clock.monotonic() + deadlineMs;
    for (let [last, attempts] = [lost, 1]; ; attempts += 1) {
      const leftMs = until - clock.monotonic();
      if (isClosedByUs || leftMs <= 0 || !isCut(last) || !isRunning()) throw last;
      try {
        return await callApart({ ...options, connectDeadlineMs: leftMs, callDeadlineMs: leftMs }, commands);
      } catch (error) {
        last = error;
      }
      await clock.delay(Math.min(attempts, pauseMaxMs));
    }
  }

  /** By the connection as long as it stands. */
  async function send(
    deadlineMs: number,
    commands: readonly Command[],
    directly: (open: EngineConnection) => Promise<unknown[]>,
  ): Promise<unknown[]> {
    const began = clock.monotonic();
    let lost: unknown = new EngineUnreachable(`${options.address}:${options.port}: the connection was cut`);
    try {
      if (connection) return await directly(connection);
    } catch (error) {
      lost = error;
    }
    return callAgain(deadlineMs - (clock.monotonic() - began), commands, lost);
  }

  async function callWithin(deadlineMs: number, ...command: Command): Promise<unknown> {
    const [reply] = await send(deadlineMs, [command], async (open) => [
      await open.callWithin(deadlineMs, ...command),
    ]);
    if (reply instanceof EngineReplyError) throw reply;
    return reply;
  }

  return {
    address: options.address,
    port: options.port,
    clock,
    get isOpen() {
      return connection?.isOpen ?? false;
    },
    callWithin,
    call: (...command) => callWithin(options.callDeadlineMs, ...command),
    pipeline: (commands, deadlineMs = options.callDeadlineMs) =>
      send(deadlineMs, commands, (open) => open.pipeline(commands, deadlineMs)),
    insist: (commands, signal) => insist(options, commands, signal),
    another: () => connectStubbornly(options, isRunning),
    onClose(listener) {
      if (connection) return connection.onClose(listener);
      const timer = setImmediate(listener);
      return () => clearImmediate(timer);
    },
    close() {
      isClosedByUs = true;
      connection?.close();
    },
  };
}
