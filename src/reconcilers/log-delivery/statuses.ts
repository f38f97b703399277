/** What a cache's row says of its log delivery after a look. Pure. */
import {
  isSameDelivery,
  type LogDelivery,
  type LogType,
  type ObservedLogDelivery,
} from '../../model/log-delivery.ts';
import type { Outcome } from './stream.ts';

/**
 * `outcomes`: of each node's log of a type. A delivery is active when every node's has been taken there, and an error with the first
 * failure. Until then the row says what it said of the one before; what is not wanted any more is left out.
 */
export function observedDeliveries(
  desired: readonly LogDelivery[],
  observed: readonly ObservedLogDelivery[],
  outcomes: (logType: LogType) => readonly Outcome[],
): readonly ObservedLogDelivery[] {
  return desired.flatMap((delivery) => {
    const seen = outcomes(delivery.logType);
    const failure = seen.find((outcome) => outcome?.failure)?.failure ?? null;
    const isKnown = failure !== null || (seen.length > 0 && seen.every((outcome) => outcome !== null));
    if (isKnown)
      return [
        {
          ...delivery,
          status: failure === null ? ('active' as const) : ('error' as const),
          message: failure,
        },
      ];
    return observed.filter(({ logType }) => logType === delivery.logType);
  });
}

/** Those that have begun to fail, and those that work again. */
export function turns(before: readonly ObservedLogDelivery[], after: readonly ObservedLogDelivery[]) {
  const statusBefore = (one: LogDelivery) => before.find((other) => isSameDelivery(one, other))?.status;
  return {
    failed: after.filter((one) => one.status === 'error' && statusBefore(one) !== 'error'),
    works: after.filter((one) => one.status === 'active' && statusBefore(one) === 'error'),
  };
}
