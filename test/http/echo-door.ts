/** A front door with one action, and an action that stays until it is let go. */
import type { TestContext } from 'node:test';
import type { FrontDoorOptions } from '../../src/http/contract.ts';
import { openFrontDoor } from './open-front-door.ts';

export const describeEvents = 'Action=DescribeEvents&Version=2015-02-02';

/** DescribeEvents answers its marker back, and counts. */
export async function openEcho(t: TestContext, options: Partial<FrontDoorOptions> = {}) {
  const calls: unknown[] = [];
  const open = await openFrontDoor({
    actions: {
      DescribeEvents: async (input) => {
        calls.push(input);
        return input.Marker === undefined ? {} : { Marker: input.Marker };
      },
    },
    ...options,
  });
  t.after(() => open.close());
  return { open, calls };
}

/** A handler that stays until it is let go. */
export function gate() {
  const entered = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let inside = 0;
  const handler = async () => {
    inside += 1;
    entered.resolve();
    await released.promise;
    return {};
  };
  return { handler, entered: entered.promise, release: () => released.resolve(), inside: () => inside };
}
