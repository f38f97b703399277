/** Shows three ways to pass messages on, and which of them lose some: see README.md. `--cleanup` removes what it made. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'iovalkey';
import { ensureCache, removeCache } from '../shared/valkey-cache.ts';
import { showPubSub } from './pub-sub.ts';
import { openQueue, type QueueKind, queueKinds, timesDone } from './queues.ts';
import { startWorker } from './worker-process.ts';

const replicationGroupId = 'example-message-queue';
const jobs = 200;

if (process.argv.includes('--cleanup')) await removeCache(replicationGroupId);
else await run();

async function run(): Promise<void> {
  const url = await ensureCache(replicationGroupId);
  console.log(`cache at ${new URL(url).host}`);
  await showPubSub(() => connect(url), 100);
  for (const kind of queueKinds) await showQueue(url, kind);
}

function connect(url: string): Redis {
  const connection = new Redis(url);
  connection.on('error', (error) => console.error(`cache: ${error.message}`));
  return connection;
}

/** Three worker processes share the jobs; two of them die with a job in their hands. */
async function showQueue(url: string, kind: QueueKind): Promise<void> {
  const cache = connect(url);
  const queue = openQueue(kind, cache, 'producer');
  await queue.clear();
  await cache.del(timesDone(kind));

  const workers = await Promise.all([
    startWorker(url, kind, `steady-${randomUUID()}`),
    startWorker(url, kind, `dies-before-doing-${randomUUID()}`, 'before'),
    startWorker(url, kind, `dies-after-doing-${randomUUID()}`, 'after'),
  ]);
  for (let job = 0; job < jobs; job++) await queue.add(`job ${job}`);
  const times = await waitUntilDone(cache, kind);
  await Promise.all(workers.map((worker) => worker.stop()));
  const recovered = workers.reduce((sum, worker) => sum + worker.recovered(), 0);

  const total = times.reduce((sum, count) => sum + count, 0);
  const repeated = times.filter((count) => count > 1).length;
  console.log(
    `${kind}: ${jobs} jobs, 2 of 3 workers died holding one; ${times.length} done, ${jobs - times.length} lost, ` +
      `${recovered} redelivered, ${repeated} done twice (${total} times in all)`,
  );
  cache.disconnect();
}

/** How many times each job was done, once each was done and no dead worker holds one. */
async function waitUntilDone(cache: Redis, kind: QueueKind): Promise<number[]> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const times = (await cache.hvals(timesDone(kind))).map(Number);
    const total = times.reduce((sum, count) => sum + count, 0);
    // One more than there are jobs: that worker which died after doing its job made it look undone.
    if ((times.length === jobs && total > jobs) || performance.now() > deadline) return times;
    await sleep(20);
  }
}
