/** Valkey Cluster, 3x(1+1), made with the engine's own cli: what fails over by itself. */
import { join } from 'node:path';
import type { InstalledEngine } from '../../src/engine-store/contract.ts';
import { eventually } from '../../test/support/eventually.ts';
import { bareAddresses } from './bare-addresses.ts';
import { type BareEngine, runEngineProgram, startBareEngine } from './bare-engine.ts';
import { askOnce } from './resp-client.ts';
import type { Scope } from './scope.ts';

const nodeCount = 6;

/** Six blank nodes that do not know each other yet. */
export async function startClusterNodes(
  scope: Scope,
  engine: InstalledEngine,
  lines: readonly string[] = [],
): Promise<BareEngine[]> {
  const directory = await scope.directory();
  return await Promise.all(
    bareAddresses(nodeCount).map((address, index) =>
      startBareEngine(scope, {
        engine,
        address,
        port: 6379,
        directory: join(directory, String(index)),
        lines: [
          'cluster-enabled yes',
          'cluster-port 16379',
          `cluster-announce-ip ${address}`,
          'save ""',
          ...lines,
        ],
      }),
    ),
  );
}

export async function joinWithCli(engine: InstalledEngine, nodes: readonly BareEngine[]): Promise<void> {
  const addresses = nodes.map(({ address, port }) => `${address}:${port}`);
  const options = ['--cluster-replicas', '1', '--cluster-yes'];
  await runEngineProgram(engine, 'cli', ['--cluster', 'create', ...addresses, ...options]);
}

/** When every node says that the cluster is well and lists all nodes for the slots: what clients need. */
export async function untilClusterListed(nodes: readonly BareEngine[]): Promise<void> {
  await eventually(
    async (see) => {
      const seen = await Promise.all(
        nodes.map(async (node) => {
          const info = String(await askOnce(node, 'CLUSTER', 'INFO'));
          const slots = (await askOnce(node, 'CLUSTER', 'SLOTS')) as unknown[][];
          const listed = slots.reduce((count, entry) => count + entry.length - 2, 0);
          return info.includes('cluster_state:ok') ? listed : 0;
        }),
      );
      see(seen);
      return seen.every((listed) => listed === nodes.length);
    },
    { deadlineMs: 60_000, intervalMs: 10 },
  );
}

/** `nodeTimeoutMs`: the engine's own failover waits for it; its default is 15,000. */
export async function startBareCluster(
  scope: Scope,
  engine: InstalledEngine,
  nodeTimeoutMs: number,
): Promise<BareEngine[]> {
  // Formed with a short timeout, or replicas are listed only after 7-18 s.
  const nodes = await startClusterNodes(scope, engine, [
    'cluster-node-timeout 500',
    'repl-ping-replica-period 1',
  ]);
  await joinWithCli(engine, nodes);
  await untilClusterListed(nodes);
  for (const node of nodes)
    await askOnce(
      node,
      'CONFIG',
      'SET',
      'cluster-node-timeout',
      nodeTimeoutMs,
      'repl-ping-replica-period',
      10,
    );
  return nodes;
}
