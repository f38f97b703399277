/** Shows a cache in front of PostgreSQL: see README.md. `--cleanup` removes what it made. */
import { Redis } from 'iovalkey';
import { ensureCache, removeCache } from '../shared/valkey-cache.ts';
import { type Database, openDatabase } from './database.ts';
import {
  createProducts,
  dropProducts,
  type Product,
  productCount,
  selectProduct,
  updatePrice,
} from './product-database.ts';
import { createReadThroughCache, type ReadThroughCache } from './read-through-cache.ts';

const replicationGroupId = 'example-db-cache';

if (process.argv.includes('--cleanup')) {
  await removeCache(replicationGroupId);
  if (process.env.DATABASE_URL) await removeProducts();
} else {
  await run();
}

async function run(): Promise<void> {
  const [url, database] = await Promise.all([ensureCache(replicationGroupId), openDatabase()]);
  console.log(
    `cache at ${new URL(url).host}, database ${process.env.DATABASE_URL ? 'of DATABASE_URL' : 'embedded'}`,
  );
  await createProducts(database);
  // Two connections with a read-through cache each: what two processes of an application would have.
  const connections = [connect(url), connect(url)] as const;
  await forgetProducts(connections[0]);
  const [app, other] = [productCache(connections[0], database), productCache(connections[1], database)];

  await readPopularProducts(app);
  await readMissingKeyAtOnce(connections[0], [app, other]);
  await changePrice(database, app, other);
  await readUnknownProduct(app);

  for (const connection of connections) connection.disconnect();
  await database.close();
}

async function removeProducts(): Promise<void> {
  const database = await openDatabase();
  await dropProducts(database);
  console.log('dropped schema db_cache_example');
  await database.close();
}

function connect(url: string): Redis {
  // A cache that does not answer soon is worth less than a query.
  const connection = new Redis(url, { maxRetriesPerRequest: 1, commandTimeout: 1_000 });
  connection.on('error', (error) => console.error(`cache: ${error.message}`));
  return connection;
}

/** In the braces stands what is hashed, so that an entry and its lock share a slot in cluster mode. */
function keyOf(id: number): string {
  return `db-cache:{product:${id}}`;
}

function productCache(cache: Redis, database: Database): ReadThroughCache<Product> {
  const load = (id: number) => selectProduct(database, id);
  return createReadThroughCache({ cache, keyOf, load, ttlMs: 60_000, missingTtlMs: 5_000, lockMs: 3_000 });
}

/** So that every run starts with a cold cache. */
async function forgetProducts(cache: Redis): Promise<void> {
  for (let id = 1; id <= productCount + 1; id++) await cache.del(keyOf(id));
}

/** Lazy loading: only what is asked for gets into the cache, and popular products are asked for often. */
async function readPopularProducts(products: ReadThroughCache<Product>): Promise<void> {
  const reads = 3_000;
  const start = performance.now();
  for (let read = 0; read < reads; read++) {
    await products.get(1 + Math.floor(Math.random() ** 4 * productCount));
  }
  const elapsedMs = performance.now() - start;
  const { hits, loads, loadMs } = products.counts;
  const withoutCacheMs = (loadMs / loads) * reads;
  console.log(`lazy loading: ${reads} reads, ${loads} queries, hit rate ${percent(hits / reads)}`);
  console.log(
    `time: ${ms(elapsedMs)} with the cache, ${ms(withoutCacheMs)} without ` +
      `(a query took ${ms(loadMs / loads)}): saved ${ms(withoutCacheMs - elapsedMs)}, ` +
      `${percent(1 - elapsedMs / withoutCacheMs)}`,
  );
}

/** A popular entry has just expired, and everybody asks for it at the same time. */
async function readMissingKeyAtOnce(cache: Redis, apps: readonly ReadThroughCache<Product>[]): Promise<void> {
  const loads = () => apps.reduce((sum, app) => sum + app.counts.loads, 0);
  const before = loads();
  await cache.del(keyOf(1));
  const reads = apps.flatMap((app) => Array.from({ length: 100 }, () => app.get(1)));
  await Promise.all(reads);
  console.log(`stampede: ${reads.length} readers of a missing entry, ${queries(loads() - before)}`);
}

async function changePrice(
  database: Database,
  writer: ReadThroughCache<Product>,
  reader: ReadThroughCache<Product>,
): Promise<void> {
  const written = await updatePrice(database, 1, 4_200 + Math.floor(Math.random() * 1_000));
  if (!written) throw new Error('product 1 is gone');
  await writer.put(written.id, written);
  const before = reader.counts.loads;
  const seen = await reader.get(written.id);
  console.log(
    `write-through: wrote price ${written.priceCents}, another reader sees ${seen?.priceCents} ` +
      `after ${queries(reader.counts.loads - before)}`,
  );
}

async function readUnknownProduct(products: ReadThroughCache<Product>): Promise<void> {
  const before = products.counts.loads;
  for (let read = 0; read < 100; read++) await products.get(productCount + 1);
  console.log(
    `negative caching: 100 reads of an unknown product, ${queries(products.counts.loads - before)}`,
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function ms(duration: number): string {
  return `${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms`;
}

function queries(count: number): string {
  return count === 1 ? '1 query' : `${count} queries`;
}
