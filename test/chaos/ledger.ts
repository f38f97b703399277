/**
 * A client that writes all the while and keeps book: which writes were acknowledged, and when. Three of four write a
 * key of their own, the fourth increments a counter. What was not acknowledged is never tried again, so that what is
 * there was written once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Address,
  addressText,
  connectResp,
  type RespClient,
  RespError,
} from '../../bench/lib/resp-client.ts';

export interface LostWrite {
  readonly what: string;
  /** `performance.now()` */
  readonly acknowledgedAt: number;
}

export interface Audit {
  readonly acknowledged: number;
  readonly lost: readonly LostWrite[];
  /** Keys that hold another value than was written: never to be seen. */
  readonly wrong: readonly string[];
}

export interface Ledger {
  readonly name: string;
  readonly acknowledged: number;
  stop(): Promise<void>;
  /** After `stop`: reads everything back. */
  audit(): Promise<Audit>;
}

/** Between two writes: hundreds a second, so that a failover of a few milliseconds is met. */
const pauseMs = 2;
/** A node that hangs is left after this; what it has not answered counts as not acknowledged. */
const answerWithinMs = 2_000;
const readAtOnce = 500;

/** `seedsNow`: where to try, in turn; more are learnt from MOVED. `tag` is the hash tag of all its keys. */
export function keepLedger(name: string, tag: string, seedsNow: () => readonly Address[]): Ledger {
  const acknowledgedAt = new Map<number, number>();
  const counted: { readonly value: number; readonly at: number }[] = [];
  const lostCounts: LostWrite[] = [];
  const keyOf = (write: number) => `chaos:{${tag}}:${write}`;
  const counter = `chaos:{${tag}}:count`;
  let [isStopping, turn, acknowledged] = [false, 0, 0];
  let target = seedsNow()[0]!;
  let client: RespClient | null = null;

  const elsewhere = () => {
    client?.close();
    client = null;
    turn += 1;
    const seeds = seedsNow();
    target = seeds[turn % seeds.length]!;
  };

  /** Null: not acknowledged. */
  async function send(...command: (string | number)[]): Promise<string | number | null> {
    try {
      client ??= await connectResp(target, answerWithinMs);
      const open = client;
      const cut = setTimeout(() => open.close(), answerWithinMs);
      const reply = await open.send(...command);
      clearTimeout(cut);
      if (!(reply instanceof RespError)) return reply as string | number;
      const moved = /^MOVED \d+ (\S+):(\d+)$/.exec(reply.message);
      if (moved) {
        client.close();
        client = null;
        target = { address: moved[1]!, port: Number(moved[2]) };
      } else if (!/^(NOREPLICAS|LOADING)/.test(reply.message)) elsewhere();
    } catch {
      elsewhere();
    }
    return null;
  }

  /** Increments from this value on were acknowledged before, and are gone. */
  function forgetFrom(value: number): void {
    for (let last = counted.at(-1); last && last.value >= value; last = counted.at(-1)) {
      lostCounts.push({ what: `${counter} = ${last.value}`, acknowledgedAt: last.at });
      counted.pop();
    }
  }

  async function write(number: number): Promise<void> {
    const isCount = number % 4 === 3;
    const reply = isCount ? await send('INCR', counter) : await send('SET', keyOf(number), number);
    if (reply === null) return;
    const at = performance.now();
    acknowledged += 1;
    if (!isCount) acknowledgedAt.set(number, at);
    else {
      forgetFrom(Number(reply));
      counted.push({ value: Number(reply), at });
    }
  }

  const running = (async () => {
    for (let number = 0; !isStopping; number += 1) {
      await write(number);
      await delay(pauseMs);
    }
  })();

  async function read(...command: (string | number)[]): Promise<unknown> {
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const reply = await send(...command);
      if (reply !== null) return reply;
      await delay(20);
    }
    throw new Error(`${name}: ${command[0]} is not answered at ${addressText(target)}`);
  }

  return {
    name,
    get acknowledged() {
      return acknowledged;
    },
    async stop() {
      isStopping = true;
      await running;
    },
    async audit() {
      const [lost, wrong]: [LostWrite[], string[]] = [[], []];
      const numbers = [...acknowledgedAt.keys()];
      for (let at = 0; at < numbers.length; at += readAtOnce) {
        const some = numbers.slice(at, at + readAtOnce);
        const values = (await read('MGET', ...some.map(keyOf))) as (string | null)[];
        for (const [index, value] of values.entries()) {
          const number = some[index]!;
          if (value === null) lost.push({ what: keyOf(number), acknowledgedAt: acknowledgedAt.get(number)! });
          else if (value !== String(number)) wrong.push(keyOf(number));
        }
      }
      // MGET answered before, so that GET of a counter that does not exist is no failure to answer.
      forgetFrom(Number((await read('INCRBY', counter, 0)) ?? 0) + 1);
      client?.close();
      return { acknowledged, lost: [...lost, ...lostCounts], wrong };
    },
  };
}
