/** How `limber status` shows operations. */
import type { OperationStatus } from './admin-client.ts';

/** What an operation does or waits for, and for how long. */
export function describeOperation(operation: OperationStatus): string {
  const { cache, kind, step, activity, sentence, forMs, stepMs, limitMs } = operation;
  if (activity === 'queued' || forMs === null) return `${cache} ${kind}: waits for its turn`;
  const limit =
    limitMs === null ? '' : ` (at this step for ${durationOf(stepMs)} of at most ${durationOf(limitMs)})`;
  return `${cache} ${kind} (${step}): ${sentence}, for ${durationOf(forMs)}${limit}`;
}

/** So many failures in a row, which take three seconds with their back-off, are worth a line of their own. A judgement. */
const attemptsWorthTelling = 6;

/** A sentence about an operation that a person should look at; none about any other. */
export function concernOf({ cache, kind, step, forMs, attempts, ...operation }: OperationStatus): string[] {
  if (operation.activity === 'unknown')
    return [
      `${kind} of ${cache} is left alone, and nothing else can be done with that cache but deleting it: ` +
        operation.sentence,
    ];
  if (operation.isOverdue)
    return [
      `${kind} of ${cache} does not end (step ${step}, for ${durationOf(forMs ?? 0)}) and nothing else can be done ` +
        'with that cache until it does; stopping and starting Limber ends it, caches go on',
    ];
  if (attempts < attemptsWorthTelling) return [];
  return [`${kind} of ${cache} has failed ${attempts} times at step ${step}: ${operation.lastError}`];
}

/** `850 ms`, `12 s`, `3 min`. */
function durationOf(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}
