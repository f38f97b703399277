/**
 * Waiters of the AWS CLI and SDKs ask at once and then only every 15 seconds, so a cache that is ready after one
 * second looks as slow as one that needs sixteen. A Describe of one resource that is still changing is therefore held
 * until it has changed, for `describeHoldMs` at most. The answer is truthful, only later. See docs/decisions.
 */
import type { ActionContext, ActionDeps } from './action.ts';

/** Statuses that an operation will end by itself. */
const changing = new Set(['creating', 'modifying', 'deleting', 'rebooting cluster nodes', 'snapshotting']);

/** Held requests at one time; beyond it Describe answers at once, as it always may. */
const heldMax = 128;
let held = 0;

/**
 * Reads until the resource is no longer changing (or gone), the hold is over, or the client has left. What `read`
 * throws ends it, e.g. NotFound after a deletion.
 */
export async function holdWhileChanging<T>(
  deps: Pick<ActionDeps, 'clock' | 'describeHoldMs'>,
  context: Pick<ActionContext, 'signal'>,
  read: () => Promise<{ readonly status: string; readonly answer: T }>,
): Promise<T> {
  const deadline = deps.clock.monotonic() + deps.describeHoldMs;
  let { status, answer } = await read();
  if (!changing.has(status) || held >= heldMax) return answer;
  held += 1;
  try {
    while (changing.has(status) && deps.clock.monotonic() < deadline && !context.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      ({ status, answer } = await read());
    }
    return answer;
  } finally {
    held -= 1;
  }
}
