/**
 * A worker process: `node worker.ts list|stream NAME [before|after]`. It counts each job that it does in the cache, so
 * that all can be counted afterwards. With `before` or `after` it kills itself at its fifth job: holding it, before or
 * after doing it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'iovalkey';
import { openQueue, readQueueKind, timesDone } from './queues.ts';

const [kindName, name = 'worker', crash] = process.argv.slice(2);
const kind = readQueueKind(kindName);
const { CACHE_URL } = process.env;
if (!CACHE_URL) throw new Error('CACHE_URL must be set');
const waitMs = 100;

let isStopping = false;
process.once('SIGTERM', () => {
  isStopping = true;
});

const cache = new Redis(CACHE_URL);
const queue = openQueue(kind, cache, name);
await cache.ping();
console.log('ready');

let taken = 0;
let recoverAt = 0;
while (!isStopping) {
  if (performance.now() >= recoverAt) {
    const recovered = await queue.recover();
    if (recovered > 0) console.log(`recovered ${recovered}`);
    recoverAt = performance.now() + waitMs;
  }
  const job = await queue.take(waitMs);
  if (!job) continue;
  taken += 1;
  if (crash === 'before' && taken === 5) process.kill(process.pid, 'SIGKILL');
  await sleep(2); // the work
  await cache.hincrby(timesDone(kind), job.body, 1);
  if (crash === 'after' && taken === 5) process.kill(process.pid, 'SIGKILL');
  await queue.done(job);
}
cache.disconnect();
