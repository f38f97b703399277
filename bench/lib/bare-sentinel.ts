/** A primary, a replica and three sentinels, set up as their manuals say. */
import { join } from 'node:path';
import type { InstalledEngine } from '../../src/engine-store/contract.ts';
import { eventually } from '../../test/support/eventually.ts';
import { bareAddresses } from './bare-addresses.ts';
import { type BareEngine, startBareEngine } from './bare-engine.ts';
import { type Address, askOnce } from './resp-client.ts';
import type { Scope } from './scope.ts';

export interface SentinelGroup {
  /** The two nodes, whoever leads. */
  readonly nodes: readonly BareEngine[];
  readonly sentinels: readonly Address[];
  readonly name: string;
}

const name = 'bench';

/** `downAfterMs`: silence until a sentinel counts a node as down; its default is 30,000. */
export async function startSentinelGroup(
  scope: Scope,
  engine: InstalledEngine,
  downAfterMs: number,
): Promise<SentinelGroup> {
  const directory = await scope.directory();
  const [first, second, ...others] = bareAddresses(5) as [string, string, string, string, string];
  const common = { engine, port: 6379 };
  const node = (address: string, lines: readonly string[]) =>
    startBareEngine(scope, {
      ...common,
      address,
      directory: join(directory, address),
      lines: [`replica-announce-ip ${address}`, 'save ""', 'repl-diskless-sync-delay 0', ...lines],
    });
  const primary = await node(first, []);
  const replica = await node(second, []);
  await askOnce(replica, 'REPLICAOF', first, 6379);
  const sentinels = await Promise.all(
    others.map((address) =>
      startBareEngine(scope, {
        ...common,
        address,
        port: 26_379,
        directory: join(directory, address),
        isSentinel: true,
        lines: [
          `sentinel announce-ip ${address}`,
          `sentinel monitor ${name} ${first} 6379 2`,
          `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
        ],
      }),
    ),
  );
  const group = { nodes: [primary, replica], sentinels, name };
  await untilSentinelsAgree(group);
  return group;
}

/** When each sentinel knows the two others and a replica in good health. */
export async function untilSentinelsAgree({ sentinels }: Pick<SentinelGroup, 'sentinels'>): Promise<void> {
  await eventually(
    async (see) => {
      const seen = await Promise.all(sentinels.map(lookAt));
      see(seen);
      return seen.every(
        ({ flags, others, replicas }) => flags === 'master' && others === 2 && replicas.includes('slave'),
      );
    },
    { deadlineMs: 60_000, intervalMs: 50 },
  );
}

async function lookAt(sentinel: Address) {
  const master = toObject((await askOnce(sentinel, 'SENTINEL', 'MASTER', name)) as string[]);
  const replicas = (await askOnce(sentinel, 'SENTINEL', 'REPLICAS', name)) as string[][];
  return {
    flags: master.flags,
    others: Number(master['num-other-sentinels']),
    replicas: replicas.map((one) => toObject(one).flags),
  };
}

function toObject(pairs: readonly string[]): Record<string, string> {
  const object: Record<string, string> = {};
  for (let at = 0; at + 1 < pairs.length; at += 2) object[pairs[at]!] = pairs[at + 1]!;
  return object;
}
