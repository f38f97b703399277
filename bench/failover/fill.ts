/** Puts data into a group, so that it weighs something. */

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheStatus } from '../lib/limber-under-test.ts';
import { askOnce, connectResp } from '../lib/resp-client.ts';

const valueBytes = 64 * 1024;
const sendAtOnce = 16;

/** Resolves when the replica holds it too. Values cannot be compressed. */
export async function fillGroup({ endpoints }: CacheStatus, gib: number): Promise<void> {
  const primary = endpoints.find(({ purpose }) => purpose === 'primary')!;
  const client = await connectResp(primary);
  const value = randomBytes((valueBytes * 3) / 4).toString('base64');
  const count = (gib * 2 ** 30) / valueBytes;
  for (let number = 0; number < count; number += sendAtOnce) {
    const sets = Array.from({ length: sendAtOnce }, (_, index) =>
      client.ask('SET', `fill:${number + index}`, value),
    );
    await Promise.all(sets);
  }
  client.close();
  while (Number(await askOnce(primary, 'WAIT', 1, 1_000)) < 1) await delay(10);
}
