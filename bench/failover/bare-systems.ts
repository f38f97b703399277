/** What fails over without Limber. Their dead nodes are started again by hand, since nothing else would. */

import { eventually } from '../../test/support/eventually.ts';
import { untilClusterListed } from '../lib/bare-cluster.ts';
import type { BareEngine } from '../lib/bare-engine.ts';
import { type SentinelGroup, untilSentinelsAgree } from '../lib/bare-sentinel.ts';
import { type Address, askOnce } from '../lib/resp-client.ts';
import { sentinelRoute } from '../lib/routes.ts';
import { clusterTarget } from './limber-system.ts';
import type { FailoverSystem, Fault } from './system.ts';

/** Planned: `SENTINEL FAILOVER`. */
export function sentinelSystem(name: string, group: SentinelGroup): FailoverSystem {
  return {
    name,
    repairsItself: false,
    async ready() {
      await untilSentinelsAgree(group);
      const [primary, replica] = await rolesOf(group.nodes);
      return {
        route: sentinelRoute(group.sentinels, group.name, primary),
        primary,
        replica,
        ...acts(
          primary,
          replica,
          (lines) => primary.start(lines),
          async () => {
            await askOnce(group.sentinels[0]!, 'SENTINEL', 'FAILOVER', group.name);
          },
        ),
      };
    },
  };
}

/** Planned: `CLUSTER FAILOVER` on the replica. The first shard is struck. */
export function clusterSystem(name: string, nodes: readonly BareEngine[]): FailoverSystem {
  return {
    name,
    repairsItself: false,
    async ready() {
      await untilClusterListed(nodes);
      const [primary, replica, observers] = await firstShardOf(nodes);
      const way = await clusterTarget(primary, replica, observers);
      return {
        ...way,
        primary,
        replica,
        // Its nodes.conf says whom it has to follow.
        ...acts(
          primary,
          replica,
          () => primary.start(),
          async () => {
            await askOnce(replica, 'CLUSTER', 'FAILOVER');
          },
        ),
      };
    },
  };
}

function acts(
  primary: BareEngine,
  replica: BareEngine,
  restart: (lines: readonly string[]) => Promise<void>,
  planned: () => Promise<void>,
) {
  let struck: Fault | null = null;
  return {
    strike: async (fault: Fault) => {
      struck = fault;
      if (fault === 'kill') process.kill(primary.pid, 'SIGKILL');
      if (fault === 'hang') primary.hang();
      if (fault === 'planned') await planned();
    },
    repair: async () => {
      if (struck === null || struck === 'planned') return;
      await primary.kill();
      await restart([`replicaof ${replica.address} ${replica.port}`]);
    },
  };
}

/** Waits until one leads and the other follows it with its link up. */
async function rolesOf(nodes: readonly BareEngine[]): Promise<[primary: BareEngine, replica: BareEngine]> {
  return await eventually(
    async (see) => {
      const infos = await Promise.all(nodes.map((node) => askOnce(node, 'INFO', 'replication').then(String)));
      see(infos);
      const primary = nodes.find((_, index) => infos[index]!.includes('role:master'));
      const replica = nodes.find((_, index) => infos[index]!.includes('master_link_status:up'));
      return primary && replica ? ([primary, replica] as [BareEngine, BareEngine]) : null;
    },
    { deadlineMs: 60_000 },
  );
}

async function firstShardOf(
  nodes: readonly BareEngine[],
): Promise<[primary: BareEngine, replica: BareEngine, observers: readonly Address[]]> {
  const slots = (await askOnce(nodes[0]!, 'CLUSTER', 'SLOTS')) as [number, number, ...[string, number][]][];
  const find = ([address, port]: [string, number]) =>
    nodes.find((node) => node.address === address && node.port === port)!;
  const shards = [...slots].sort(([a], [b]) => a - b).map(([, , ...members]) => members.map(find));
  const [first, ...others] = shards as [BareEngine[], ...BareEngine[][]];
  await rolesOf(first);
  return [first[0]!, first[1]!, others.map(([primary]) => primary!)];
}
