/** Control connections of one Limber to simulated engines: each command and each answer takes its time. */
import type { Argument, Command, ConnectOptions, EngineConnection } from '../../src/engines/valkey/client.ts';
import {
  EngineReplyError,
  EngineTimeout,
  EngineUnreachable,
} from '../../src/engines/valkey/engine-errors.ts';
import type { Timer } from '../../src/platform/clock.ts';
import { blocked, type Client, Refused } from './engine/call.ts';
import { execute } from './engine/commands.ts';
import type { Engine } from './engine/engine.ts';
import type { Life } from './life.ts';
import type { World } from './world.ts';

/** How long a running engine works on a script before it says BUSY. */
const busyAfterMs = 5_000;

export function connectSimulated(
  world: World,
  life: Life,
): (options: ConnectOptions) => Promise<EngineConnection> {
  return async (options) => {
    const endpoint = `${options.address}:${options.port}`;
    const connection = await open(world, life, endpoint, options.connectDeadlineMs);
    return connectionOf(world, life, connection, options);
  };
}

/** The engine's end of a connection. */
export interface Link {
  readonly engine: Engine;
  readonly client: Client;
  /**
   * What the engine has not read yet: a process that is stopped reads it when it goes on, also when whoever sent it has
   * hung up or died meanwhile.
   */
  readonly inbox: (() => void)[];
  /** Called when the engine's process ends. */
  onEnd: () => void;
  /** The process lives. */
  isOpen: boolean;
  /** Nothing overtakes what was sent before it, in either direction: milliseconds of simulated time. */
  sentUntil: number;
  answeredUntil: number;
}

function open(world: World, life: Life, endpoint: string, deadlineMs: number): Promise<Link> {
  return new Promise((resolve, reject) => {
    const late = life.clock.after(deadlineMs, () =>
      reject(new EngineTimeout(`connecting to ${endpoint}: no answer within ${deadlineMs} ms`)),
    );
    life.after(latency(world), () => {
      const engine = world.at(endpoint);
      if (!engine?.isListening) {
        late.stop();
        return reject(new EngineUnreachable(`cannot connect to ${endpoint}`));
      }
      const link = world.link(engine);
      link.onEnd = () => {
        late.stop();
        reject(new EngineUnreachable(`cannot connect to ${endpoint}`));
      };
      // The log-in is a command like any other: one that hangs accepts and does not answer.
      deliver(world, link, () => {
        life.after(latency(world), () => {
          late.stop();
          resolve(link);
        });
      });
    });
  });
}

/** Mostly some tenths of a millisecond; now and then the machine is slow. */
const latency = ({ random }: World): number =>
  random.chance(0.02) ? random.next() * 60 : random.next() * 0.8;

/** `work` is done by the engine as soon as it runs. */
function deliver(world: World, link: Link, work: () => void): void {
  if (!link.isOpen) return;
  link.inbox.push(work);
  drain(world, link);
}

export function drain(world: World, link: Link): void {
  while (link.isOpen && link.inbox.length > 0) {
    const { engine } = link;
    if (engine.condition === 'hung') return;
    if (engine.condition === 'busy' && world.busyFor(engine) < busyAfterMs) return;
    link.inbox.shift()!();
  }
}

function connectionOf(world: World, life: Life, link: Link, options: ConnectOptions): EngineConnection {
  const where = `${options.address}:${options.port}`;
  const waiting = new Set<(error: Error) => void>();
  const listeners = new Set<() => void>();
  let isClosedByUs = false;
  link.onEnd = () =>
    life.after(world.random.next() * 3, () => {
      for (const fail of [...waiting]) fail(new EngineUnreachable(`${where}: the connection has ended`));
      if (isClosedByUs) return;
      for (const listener of [...listeners]) listener();
      listeners.clear();
    });

  const send = (command: string, args: readonly Argument[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (isClosedByUs || !link.isOpen)
        return reject(new EngineUnreachable(`${command} on ${where}: the connection was closed`));
      const fail = (error: Error) => {
        waiting.delete(fail);
        reject(error);
      };
      waiting.add(fail);
      const now = () => world.scheduler.now();
      const answer = (settle: () => void) => {
        link.answeredUntil = Math.max(link.answeredUntil, now() + latency(world));
        life.after(link.answeredUntil - now(), () => {
          if (waiting.delete(fail)) settle();
        });
      };
      link.sentUntil = Math.max(link.sentUntil, now() + latency(world));
      // What is on its way arrives, whether its sender lives then or not.
      world.scheduler.after(link.sentUntil - now(), () =>
        deliver(world, link, () => {
          try {
            const value = run(world, link, command, args, (later) => answer(() => resolve(later)));
            if (value !== blocked) answer(() => resolve(value));
          } catch (error) {
            if (!(error instanceof Refused)) return world.defect(error as Error);
            answer(() => reject(new EngineReplyError(command, error.message)));
          }
        }),
      );
    });

  const within = async <T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> => {
    let timer: Timer = { stop() {} };
    const late = new Promise<never>((_resolve, reject) => {
      timer = life.clock.after(deadlineMs, () =>
        reject(new EngineTimeout(`${what}: no answer within ${deadlineMs} ms`)),
      );
    });
    work.catch(() => {});
    try {
      return await Promise.race([work, late]);
    } finally {
      timer.stop();
    }
  };
  const callWithin = (deadlineMs: number, command: string, ...args: Argument[]) =>
    within(send(command, args), deadlineMs, `${command} on ${where}`);

  return {
    address: options.address,
    port: options.port,
    clock: life.clock,
    get isOpen() {
      return link.isOpen && !isClosedByUs;
    },
    callWithin,
    call: (command, ...args) => callWithin(options.callDeadlineMs, command, ...args),
    pipeline: (commands: readonly Command[]) =>
      within(
        Promise.all(
          commands.map(([command, ...args]) =>
            send(command, args).catch((error: unknown) => {
              if (error instanceof EngineReplyError) return error;
              throw error;
            }),
          ),
        ),
        options.callDeadlineMs,
        `${commands.length} commands on ${where}`,
      ),
    async insist(commands, signal) {
      let isDone = false;
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      const sent = async () => {
        for (const [command, ...args] of commands)
          isDone = await send(command, args).then(
            () => true,
            () => false,
          );
      };
      await Promise.race([aborted, sent()]);
      return isDone && !signal.aborted;
    },
    another: () => connectSimulated(world, life)(options),
    onClose(listener) {
      if (isClosedByUs) return () => {};
      listeners.add(listener);
      if (!link.isOpen) life.after(0, () => listeners.delete(listener) && listener());
      return () => void listeners.delete(listener);
    },
    close() {
      isClosedByUs = true;
      listeners.clear();
      for (const fail of [...waiting]) fail(new EngineUnreachable(`${where}: the connection was closed`));
    },
  };
}

function run(
  world: World,
  link: Link,
  command: string,
  args: readonly Argument[],
  reply: (value: unknown) => void,
): unknown {
  const { engine, client } = link;
  if (engine.condition === 'busy' && command !== 'SCRIPT')
    throw new Refused(
      'BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    );
  if (engine.condition === 'busy') {
    world.setCondition(engine, 'running');
    return 'OK';
  }
  return execute(command, { wires: world, engine, client, clients: world.clientsOf(engine), args, reply });
}
