/** Shows keys spread over Memcached nodes while one is added: see README.md. `--cleanup` removes what it made. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureCluster, type MemcachedCluster, removeCluster } from './cache-cluster.ts';
import { type ClusterClient, openCluster } from './cluster-client.ts';

const cacheClusterId = 'example-memcached';
const nodeCount = 3;
const keys = Array.from({ length: 10_000 }, (_, index) => `page:${index}`);
/** So that the example is short. AWS's clients ask every 60 s. */
const pollMs = 100;

const { MEMCACHED_ENDPOINT } = process.env;

if (!process.argv.includes('--cleanup')) await run();
else if (MEMCACHED_ENDPOINT)
  console.log('MEMCACHED_ENDPOINT is set: no cluster was made here, none is deleted');
else await removeCluster(cacheClusterId);

async function run(): Promise<void> {
  const made = MEMCACHED_ENDPOINT ? null : await ensureCluster(cacheClusterId, nodeCount);
  const endpoint = made?.endpoint ?? MEMCACHED_ENDPOINT ?? '';
  const client = await openCluster(endpoint, pollMs);
  console.log(
    `configuration endpoint ${endpoint}: version ${client.version()}, ${client.ring().nodes.length} nodes`,
  );
  await writeAll(client);
  showSpread(client);
  console.log(`reads: ${await countHits(client)} of ${keys.length} are hits`);
  if (made) await addNode(made, client);
  else console.log('MEMCACHED_ENDPOINT is set: no node is added to a cluster that was not made here');
  client.close();
}

async function addNode(cluster: MemcachedCluster, client: ClusterClient): Promise<void> {
  const before = client.ring();
  const start = performance.now();
  await cluster.resize(before.nodes.length + 1);
  while (client.ring().nodes.length === before.nodes.length) await sleep(10);
  const after = client.ring();
  const moved = keys.filter((key) => before.nodeOf(key) !== after.nodeOf(key)).length;
  console.log(
    `a node was added and discovered in ${Math.round(performance.now() - start)} ms: ` +
      `version ${client.version()}, ${after.nodes.length} nodes`,
  );
  const share = ((100 * moved) / keys.length).toFixed(1);
  console.log(`moved: ${moved} of ${keys.length} keys, ${share} % (ideal: ${100 / after.nodes.length} %)`);
  console.log(`reads: ${await countHits(client)} of ${keys.length} are hits; what moved is loaded again`);
  await writeAll(client);
  showSpread(client);
  console.log(`reads: ${await countHits(client)} of ${keys.length} are hits`);
}

async function writeAll(client: ClusterClient): Promise<void> {
  await inBatches((key) => client.set(key, `content of ${key}`, 600));
}

async function countHits(client: ClusterClient): Promise<number> {
  const values = await inBatches((key) => client.get(key));
  return values.filter((value, index) => value === `content of ${keys[index]}`).length;
}

function showSpread(client: ClusterClient): void {
  const counts = new Map(client.ring().nodes.map((node) => [node, 0]));
  for (const key of keys) {
    const node = client.ring().nodeOf(key);
    counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  console.log(`keys: ${[...counts].map(([node, count]) => `${node} ${count}`).join(', ')}`);
}

/** Not all at once, so that no node's queue grows beyond its time limit. */
async function inBatches<T>(work: (key: string) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let start = 0; start < keys.length; start += 500) {
    results.push(...(await Promise.all(keys.slice(start, start + 500).map(work))));
  }
  return results;
}
