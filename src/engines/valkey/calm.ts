/**
 * Clients that keep Limber from an engine. It does nothing else while a script runs, and listens again, to very few commands,
 * when it has run for 5 s (`lua-time-limit`; ElastiCache's parameter groups cannot change it). So a client that begins the
 * next one as soon as one has ended keeps everybody out. And one that ends connections in a loop (CLIENT KILL) lets nobody
 * else finish what takes more than one packet.
 */
import { timeLimit } from '../../platform/clock.ts';
import { denyDisturbance } from './access-control.ts';
import type { Command, EngineConnection } from './client.ts';

/** Until an engine listens, and some more. */
const deadlineMs = 7_000;

/** The first two are refused unless there is something to end. A script that has written is not ended. */
const commands: readonly Command[] = [['SCRIPT', 'KILL'], ['FUNCTION', 'KILL'], denyDisturbance];

/** Where several clients do the same, more of ours have their turn sooner. */
const connections = 12;

/** Until a connection that could not be had, or was cut, is tried again. */
const pauseMaxMs = 20;

/**
 * Ends what runs, and lets clients begin nothing of the kind, and end no connection, until `allowAllCommands`. False when that was not done in time, or
 * something runs that has written. Measured, when the script has run for 5 s: 10 ms against one client that begins the next
 * at once; against six of them it may take as many times 5 s as they come first.
 */
export async function keepCalm(connection: EngineConnection): Promise<boolean> {
  const over = new AbortController();
  const limit = timeLimit(connection.clock, deadlineMs);
  limit.signal.addEventListener('abort', () => over.abort());
  let isDone = false;
  async function press(): Promise<void> {
    for (let attempts = 1; !over.signal.aborted; attempts += 1) {
      if (await connection.insist(commands, over.signal)) {
        isDone = true;
        over.abort();
      } else await connection.clock.delay(Math.min(attempts, pauseMaxMs));
    }
  }
  await Promise.all(Array.from({ length: connections }, press));
  limit.stop();
  return isDone;
}
