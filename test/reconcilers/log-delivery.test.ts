import assert from 'node:assert/strict';
import { appendFileSync, existsSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { LogDelivery, ObservedLogDelivery } from '../../src/model/log-delivery.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { localFiles } from '../../src/platform/local-files.ts';
import { batches } from '../../src/reconcilers/log-delivery/cloudwatch-destination.ts';
import type { LogStream } from '../../src/reconcilers/log-delivery/destination.ts';
import { engineLogSource } from '../../src/reconcilers/log-delivery/engine-log-source.ts';
import {
  createFileDestination,
  removeOldFiles,
} from '../../src/reconcilers/log-delivery/file-destination.ts';
import type { LogPosition } from '../../src/reconcilers/log-delivery/source.ts';
import { observedDeliveries } from '../../src/reconcilers/log-delivery/statuses.ts';
import { cacheNode } from '../store/rows.ts';
import { temporaryDirectory } from '../store/stores.ts';

const delivery: LogDelivery = {
  logType: 'engine-log',
  destinationType: 'cloudwatch-logs',
  destination: 'group',
  format: 'text',
  since: 1_000,
};

describe("a node's own log", () => {
  /** Reads all that there is, as the worker does. */
  function reader(t: TestContext, since = 0) {
    const directory = temporaryDirectory(t);
    const node = cacheNode();
    const read = engineLogSource({
      runtime: { files: localFiles, directoryOf: () => directory },
      clock: systemClock,
    });
    let position: LogPosition | null = null;
    return {
      file: join(directory, 'engine.log'),
      async rest(): Promise<string[]> {
        const texts: string[] = [];
        for (let hasMore = true; hasMore; ) {
          const part = await read(node, { ...delivery, since }, position);
          texts.push(...part.events.map(({ text }) => text.split(' * ')[1] ?? text));
          position = part.next;
          hasMore = part.hasMore;
        }
        return texts;
      },
    };
  }
  const line = (text: string) => `7:M 12 Nov 2020 01:28:57.994 * ${text}\n`;

  it('is read in whole lines, each once, also over the beginning of a new file', async (t) => {
    const { file, rest } = reader(t);
    assert.deepEqual(await rest(), []);
    writeFileSync(file, `${line('one')}${line('two').slice(0, 20)}`);
    assert.deepEqual(await rest(), ['one']);
    appendFileSync(file, `${line('two').slice(20)}${line('three')}`);
    assert.deepEqual(await rest(), ['two', 'three']);
    appendFileSync(file, line('last of this file'));
    renameSync(file, `${file}.1`);
    writeFileSync(file, line('first of the next'));
    assert.deepEqual(await rest(), ['last of this file', 'first of the next']);
    assert.deepEqual(await rest(), []);
  });

  it('of more than a part is read to its end, and a line without one is cut', async (t) => {
    const { file, rest } = reader(t);
    writeFileSync(file, line('x'.repeat(99)).repeat(10_000));
    assert.equal((await rest()).length, 10_000);
    appendFileSync(file, `${'y'.repeat(700_000)}\n`);
    assert.equal((await rest()).join('').replaceAll(/[^y]/g, '').length, 3 * 32_768);
  });

  it('of before anybody asked is left where it is', async (t) => {
    const { file, rest } = reader(t, Date.now() + 60_000);
    writeFileSync(file, line('long ago'));
    assert.deepEqual(await rest(), []);
    appendFileSync(file, line('now'));
    assert.deepEqual(await rest(), ['now']);
  });

  it('is delivered without the passwords that an engine quotes from its config file', async (t) => {
    const { file, rest } = reader(t);
    writeFileSync(file, `>>> 'primaryauth 0123456789abcdef0123'\n`);
    assert.doesNotMatch((await rest()).join(), /0123456789/);
  });
});

describe('files of delivered logs', () => {
  const stream: LogStream = {
    account: '000000000000',
    region: 'us-east-1',
    destinationType: 'cloudwatch-logs',
    destination: '/aws/elasticache/orders',
    engine: 'valkey',
    cacheClusterId: 'orders-001',
    cacheNodeId: '0001',
    logType: 'slow-log',
  };
  const folder = ['000000000000', 'us-east-1', 'cloudwatch-logs'];

  it('are bounded, one before is kept, and nobody else may read them', async (t) => {
    const root = temporaryDirectory(t);
    const { deliver } = createFileDestination(root);
    const half = { at: 0, text: 'x'.repeat(5 * 2 ** 20) };
    for (let count = 0; count < 4; count += 1) await deliver(stream, [half]);
    const file = join(
      root,
      ...folder,
      ':aws:elasticache:orders',
      'elasticache/valkey/orders-001/0001/slow-log.log',
    );
    for (const path of [file, `${file}.1`]) assert.equal(statSync(path).size, half.text.length + 1);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(existsSync(`${file}.2`), false);
  });

  it('go when nothing has come into them for long, with folders that are empty then', async (t) => {
    const root = temporaryDirectory(t);
    const { deliver } = createFileDestination(root);
    const event = { at: 0, text: 'x' };
    await deliver(stream, [event]);
    await deliver({ ...stream, destination: 'living' }, [event]);
    const old = join(root, ...folder, ':aws:elasticache:orders');
    utimesSync(join(old, 'elasticache/valkey/orders-001/0001/slow-log.log'), 1_000, 1_000);
    await removeOldFiles(root, 2_000_000);
    assert.deepEqual(
      (await localFiles.list(join(root, ...folder))).map(({ name }) => name),
      ['living'],
    );
    await removeOldFiles(join(root, 'nothing'), 2_000_000);
  });

  it('stay under their folder whatever a destination is called, one for each name', async (t) => {
    const root = temporaryDirectory(t);
    const { check } = createFileDestination(root);
    const names = ['..', '.', '../../..', 'a/b', 'a#b', 'x'.repeat(512), `${'x'.repeat(511)}y`];
    for (const destination of names) await check({ ...stream, destination });
    const found = await localFiles.list(join(root, ...folder));
    assert.equal(found.length, names.length);
  });
});

describe('batches for CloudWatch Logs', () => {
  const day = 24 * 3_600_000;
  const times = (events: Parameters<typeof batches>[0]) =>
    batches(events).map((batch) => batch.map(({ at }) => at));
  const sizes = (events: Parameters<typeof batches>[0]) => batches(events).map(({ length }) => length);

  it('are in the order of time, and of less than a day', () => {
    const events = [day + 5, 7, 3, day + 2, day + 3].map((at) => ({ at, text: 'x' }));
    assert.deepEqual(times(events), [
      [3, 7, day + 2],
      [day + 3, day + 5],
    ]);
    assert.deepEqual(times([]), []);
  });

  it('have 10,000 events at most, and a MiB with 26 bytes for each', () => {
    assert.deepEqual(sizes(Array.from({ length: 10_001 }, () => ({ at: 1, text: 'x' }))), [10_000, 1]);
    const half = { at: 1, text: 'ü'.repeat(2 ** 18 - 13) };
    assert.deepEqual(sizes([half, half, half]), [2, 1]);
  });
});

describe('what is recorded of log delivery', () => {
  const good = { failure: null };
  const active: ObservedLogDelivery = { ...delivery, status: 'active', message: null };
  const older: ObservedLogDelivery = { ...active, since: 1 };

  it('is active when every node has delivered, and what it was before until then', () => {
    assert.deepEqual(
      observedDeliveries([delivery], [], () => []),
      [],
    );
    assert.deepEqual(
      observedDeliveries([delivery], [older], () => [good, null]),
      [older],
    );
    assert.deepEqual(
      observedDeliveries([delivery], [older], () => [good, good]),
      [active],
    );
  });

  it('is the first failure of any node', () => {
    const outcomes = [good, null, { failure: 'no such group' }];
    assert.deepEqual(
      observedDeliveries([delivery], [active], () => outcomes),
      [{ ...delivery, status: 'error', message: 'no such group' }],
    );
  });

  it('is nothing once nobody wants it', () => {
    assert.deepEqual(
      observedDeliveries([], [active], () => []),
      [],
    );
  });
});
