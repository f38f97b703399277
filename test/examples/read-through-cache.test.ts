import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'iovalkey';
import {
  createReadThroughCache,
  type ReadThroughOptions,
} from '../../examples/db-cache/read-through-cache.ts';
import { Bench, engines } from '../engines/valkey-support.ts';

interface Row {
  readonly id: number;
  readonly version: number;
}

const engine = engines[0];
if (!engine) throw new Error('no engine is installed');
const bench = new Bench(engine);
let cache: Redis;

describe('the read-through cache of examples/db-cache', () => {
  before(async () => {
    const { address, port } = await bench.start();
    cache = new Redis({ host: address, port });
  });
  after(async () => {
    cache.disconnect();
    await bench.close();
  });

  it('keeps what was written while an older load was still running', async () => {
    const started = Promise.withResolvers<void>();
    const loaded = Promise.withResolvers<Row | null>();
    const load = () => {
      started.resolve();
      return loaded.promise;
    };
    const rows = open({ load });
    const reading = rows.get(1);
    await started.promise;
    await rows.put(1, { id: 1, version: 2 });
    loaded.resolve({ id: 1, version: 1 });
    await reading;
    assert.deepEqual(await rows.get(1), { id: 1, version: 2 });
  });

  it('loads in place of a process that died while it was loading', async () => {
    await cache.set('row:2:lock', 'a dead process', 'PX', 50);
    assert.deepEqual(await open({}).get(2), { id: 2, version: 1 });
  });

  it('forgets after a while that something does not exist', async () => {
    let found: Row | null = null;
    const rows = open({ load: async () => found, missingTtlMs: 20 });
    assert.equal(await rows.get(3), null);
    found = { id: 3, version: 1 };
    while ((await rows.get(3)) === null);
    assert.equal(rows.counts.loads, 2);
  });

  it('loads again for the next reader when a load has failed', async () => {
    let isBroken = true;
    const load = async (id: number) => {
      if (isBroken) throw new Error('the database is away');
      return { id, version: 1 };
    };
    const rows = open({ load });
    await assert.rejects(rows.get(4), /database is away/);
    isBroken = false;
    assert.deepEqual(await rows.get(4), { id: 4, version: 1 });
  });

  it('answers from the source while the cache cannot be reached', async () => {
    const nowhere = new Redis({ host: '127.112.0.1', port: 1, maxRetriesPerRequest: 0 });
    nowhere.on('error', () => undefined);
    const rows = open({ cache: nowhere });
    assert.deepEqual(await rows.get(5), { id: 5, version: 1 });
    await assert.rejects(rows.put(5, { id: 5, version: 2 }));
    nowhere.disconnect();
  });
});

function open(options: Partial<ReadThroughOptions<Row>>) {
  return createReadThroughCache<Row>({
    cache,
    keyOf: (id) => `row:${id}`,
    load: async (id) => ({ id, version: 1 }),
    ttlMs: 60_000,
    missingTtlMs: 60_000,
    lockMs: 1_000,
    ...options,
  });
}
