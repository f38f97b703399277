/** From the API call until the status is `available`, beside the engine's own way to make a cluster. */
import { readFile } from 'node:fs/promises';
import {
  CreateCacheClusterCommand,
  DeleteCacheClusterCommand,
  DescribeCacheClustersCommand,
  type ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import type { InstalledEngine } from '../../src/engine-store/contract.ts';
import { trustPath } from '../../src/security/certificates/authority-file.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { Limber } from '../../test/support/limber.ts';
import { hashTagsOf } from '../failover/system.ts';
import { joinWithCli, startClusterNodes, untilClusterListed } from '../lib/bare-cluster.ts';
import { engineOfVersion } from '../lib/bare-engine.ts';
import {
  createGroup,
  deleteGroup,
  type GroupShape,
  limberFor,
  untilAvailable,
  untilSettled,
} from '../lib/limber-under-test.ts';
import { figure, spread } from '../lib/report.ts';
import { askOnce } from '../lib/resp-client.ts';
import { createScope } from '../lib/scope.ts';
import { summarise } from '../lib/statistics.ts';
import type { Suite, SuiteOptions, SuiteResult } from '../lib/suite.ts';

/** Values in milliseconds, one per run. */
type Times = Map<string, number[]>;

const names = {
  cmd: 'Limber: replication group 1+1, cluster mode disabled',
  cme: 'Limber: replication group 3x(1+1), cluster mode enabled',
  cmdTls: 'Limber: replication group 1+1, TLS',
  cmeTls: 'Limber: replication group 3x(1+1), cluster mode enabled, TLS',
  memcached: 'Limber: Memcached cluster of 3 nodes',
  cli: '`valkey-cli --cluster create`, 3x(1+1), nodes started before: until it ends',
  cliListed: 'the same: until every node lists every replica',
} as const;

const limits = [
  [names.cmd, 400],
  [names.cme, 2_500],
  [names.cmdTls, 400],
  [names.cmeTls, 1_000],
  [names.memcached, 400],
] as const;

export const createSuite: Suite = {
  name: 'create',
  title: 'From the call to available',
  async run(options): Promise<SuiteResult> {
    const times = await measure(options);
    const summaries = new Map([...times].map(([name, values]) => [name, summarise(values)]));
    return {
      tables: [
        {
          title: 'Creation',
          columns: ['what', 'runs', 'ms: median (quartiles)', 'min-max ms'],
          rows: [...summaries].map(([name, summary]) => [
            name,
            String(summary.count),
            spread(summary),
            `${figure(summary.min)}-${figure(summary.max)}`,
          ]),
          note:
            'Limber: from sending the call by the AWS SDK until a Describe shows `available`, asked without pause; it starts ' +
            'the processes within that time. After each creation a write through the endpoint has to succeed at once.',
        },
      ],
      goals: limits.flatMap(([what, limitMs]) => {
        const summary = summaries.get(what);
        if (!summary) return [];
        const measured = `${figure(summary.median)} ms`;
        return [{ what, goal: `≤ ${limitMs} ms`, measured, isMet: summary.median <= limitMs }];
      }),
      values: Object.fromEntries(times),
    };
  },
};

async function measure({ scope, isQuick, rounds: wanted, say }: SuiteOptions): Promise<Times> {
  const limber = await limberFor(scope);
  const client = limber.client();
  const times: Times = new Map();
  const note = (name: string, ms: number) => times.set(name, [...(times.get(name) ?? []), ms]);
  // The first creation of a Limber's life is not what users see all day; it also tells the version.
  const engine = await warmUp(limber, client);
  const rounds = isQuick ? 1 : (wanted ?? 11);
  for (let round = 0; round < rounds; round += 1) {
    const id = `round-${round}`;
    const cmd = { ReplicationGroupId: `${id}-cmd`, NumNodeGroups: 1, ReplicasPerNodeGroup: 1 };
    note(names.cmd, await timeGroup(limber, client, cmd));
    const tls = { TransitEncryptionEnabled: true };
    const cmdTls = { ...cmd, ...tls, ReplicationGroupId: `${id}-tls` };
    note(names.cmdTls, await timeGroup(limber, client, cmdTls));
    note(names.memcached, await timeMemcached(client, `${id}-memcached`));
    if (!isQuick) {
      const cme = { ReplicationGroupId: `${id}-cme`, NumNodeGroups: 3, ReplicasPerNodeGroup: 1 };
      note(names.cme, await timeGroup(limber, client, { ...cme, isClusterMode: true }));
      const cmeTls = { ...cme, ...tls, ReplicationGroupId: `${id}-tlsc`, isClusterMode: true };
      note(names.cmeTls, await timeGroup(limber, client, cmeTls));
      const [made, listed] = await timeCli(engine);
      note(names.cli, made);
      note(names.cliListed, listed);
    }
    say([...times].map(([name, values]) => `${name}: ${figure(values.at(-1)!)} ms`).join('; '));
  }
  return times;
}

async function warmUp(limber: Limber, client: ElastiCacheClient): Promise<InstalledEngine> {
  const id = 'first';
  await createGroup(client, { ReplicationGroupId: id, NumNodeGroups: 1, ReplicasPerNodeGroup: 0 });
  const { version } = await untilSettled(limber, id);
  await timeMemcached(client, 'first-memcached');
  await deleteGroup(client, id);
  return await engineOfVersion(version!);
}

async function timeGroup(limber: Limber, client: ElastiCacheClient, shape: GroupShape): Promise<number> {
  const id = shape.ReplicationGroupId;
  const startedAt = performance.now();
  await createGroup(client, shape);
  await untilAvailable(client, id);
  const ms = performance.now() - startedAt;
  await writeOnce(limber, shape);
  await deleteGroup(client, id);
  return ms;
}

/** Available means that clients can write, to every shard. Throws what refuses. */
async function writeOnce(limber: Limber, shape: GroupShape): Promise<void> {
  const { caches } = await limber.status();
  const { endpoints } = caches.find((cache) => cache.id === shape.ReplicationGroupId)!;
  const trust = shape.TransitEncryptionEnabled
    ? { ca: await readFile(trustPath(limber.dataDirectory), 'utf8') }
    : {};
  const primary = endpoints.find(({ purpose }) => purpose === 'primary');
  if (primary) {
    await askOnce({ ...primary, ...trust }, 'SET', 'bench', 1);
    return;
  }
  const configuration = { ...endpoints.find(({ purpose }) => purpose === 'configuration')!, ...trust };
  const slots = (await askOnce(configuration, 'CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
  for (const [first, last, [address, port]] of slots) {
    const { hashTags } = await hashTagsOf({ address, port, ...trust }, [[first, last]], 1);
    await askOnce({ address, port, ...trust }, 'SET', `{${hashTags[0]}}`, 1);
  }
}

async function timeMemcached(client: ElastiCacheClient, id: string): Promise<number> {
  const startedAt = performance.now();
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: id,
      Engine: 'memcached',
      CacheNodeType: 'cache.t4g.small',
      NumCacheNodes: 3,
    }),
  );
  await untilCluster(client, id, (status) => status === 'available');
  const ms = performance.now() - startedAt;
  await client.send(new DeleteCacheClusterCommand({ CacheClusterId: id }));
  await untilCluster(client, id, (status) => status === undefined);
  return ms;
}

async function untilCluster(
  client: ElastiCacheClient,
  id: string,
  isReached: (status: string | undefined) => boolean,
): Promise<void> {
  const describe = new DescribeCacheClustersCommand({ CacheClusterId: id });
  await eventually(
    async (see) => {
      const status = await client.send(describe).then(
        ({ CacheClusters }) => CacheClusters?.[0]?.CacheClusterStatus,
        (error: Error) => {
          if (error.name === 'CacheClusterNotFoundFault') return undefined;
          throw error;
        },
      );
      return isReached(see(status));
    },
    { deadlineMs: 60_000, intervalMs: 1 },
  );
}

async function timeCli(engine: InstalledEngine): Promise<[madeMs: number, listedMs: number]> {
  const scope = createScope();
  try {
    const nodes = await startClusterNodes(scope, engine);
    const startedAt = performance.now();
    await joinWithCli(engine, nodes);
    const madeMs = performance.now() - startedAt;
    await untilClusterListed(nodes);
    return [madeMs, performance.now() - startedAt];
  } finally {
    await scope.end();
  }
}
