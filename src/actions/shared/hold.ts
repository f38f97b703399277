/**
 * Waiters of the AWS CLI and SDKs ask at once and then only every 15 seconds, so a cache that is ready after one
 * second looks as slow as one that needs sixteen. A Describe of one resource that is still changing is therefore held
 * until it has changed, for `describeHoldMs` at most. The answer is truthful, only later. See docs/decisions.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ActionContext, ActionDeps } from '../action.ts';

/** Statuses that an operation will end by itself. */
const changing = new Set(['creating', 'modifying', 'deleting', 'rebooting cluster nodes', 'snapshotting']);

/** Held requests at one time; beyond it Describe answers at once, as it always may. */
const heldMax = 128;
/** Between two looks at the row, a twentieth of a millisecond of work each; longer when many are held. */
const lookEveryMs = 15;
let held = 0;

/**
 * Reads until the resource is no longer changing, the hold is over, or the client has left; resolves to the row as
 * last read. What `read` throws ends it, e.g. NotFound after a deletion.
 */
export async function holdWhileChanging<Row extends { readonly status: string }>(
  deps: Pick<ActionDeps, 'clock' | 'describeHoldMs'>,
  { signal }: Pick<ActionContext, 'signal'>,
  read: () => Promise<Row>,
): Promise<Row> {
  const deadline = deps.clock.monotonic() + deps.describeHoldMs;
  let row = await read();
  if (!changing.has(row.status) || held >= heldMax) return row;
  held += 1;
  try {
    while (changing.has(row.status) && deps.clock.monotonic() < deadline && !signal.aborted) {
      await delay(lookEveryMs + held);
      row = await read();
    }
    return row;
  } finally {
    held -= 1;
  }
}
