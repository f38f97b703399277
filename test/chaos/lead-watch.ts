/** Watches from outside who takes writes: two nodes of a shard at the same time must never. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Address,
  addressText,
  connectResp,
  type RespClient,
  RespError,
} from '../../bench/lib/resp-client.ts';

export interface LeadWatch {
  /** Who took writes, in order, each change once: `['a:6379', 'b:6379']` after one switchover. */
  readonly leads: readonly string[];
  /** Resolves to `leads` when no write is under way any more. */
  stop(): Promise<readonly string[]>;
}

/** Between two attempts on a node. */
const everyMs = 3;
/** A stopped or holding node is left; what it has not answered by then it never executes. */
const answerWithinMs = 250;

/** Writes to each node at its own address, all the time. A node that refuses, or cannot be reached, does not lead. */
export function watchLeads(nodes: readonly Address[]): LeadWatch {
  const leads: string[] = [];
  let isStopping = false;
  const watch = async (node: Address): Promise<void> => {
    let client: RespClient | null = null;
    for (let number = 0; !isStopping; number += 1) {
      try {
        client ??= await connectResp(node, answerWithinMs);
        const cut = setTimeout(() => client?.close(), answerWithinMs);
        const reply = await client.send('SET', 'lead-watch', number);
        clearTimeout(cut);
        if (!(reply instanceof RespError) && leads.at(-1) !== addressText(node))
          leads.push(addressText(node));
      } catch {
        client?.close();
        client = null;
      }
      await delay(everyMs);
    }
    client?.close();
  };
  const running = nodes.map(watch);
  return {
    leads,
    async stop() {
      isStopping = true;
      await Promise.all(running);
      return leads;
    },
  };
}
