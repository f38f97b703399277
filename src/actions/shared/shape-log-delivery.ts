/** What a cache shows of its log delivery. Pure. A change counts as done when it was seen to work on every node. */
import type {
  DestinationDetails,
  LogDeliveryConfiguration,
  PendingLogDeliveryConfiguration,
} from '@aws-sdk/client-elasticache';
import { isSameDelivery, type LogDelivery, type ObservedLogDelivery } from '../../model/log-delivery.ts';
import type { Cache } from '../../model/resource.ts';

export function shapeLogDelivery({ desired, observed }: Cache): LogDeliveryConfiguration[] {
  const { logDelivery: wanted = [] } = desired;
  const { logDelivery: seen = [] } = observed;
  const ending = seen.filter(({ logType }) => !wanted.some((one) => one.logType === logType));
  return [
    ...wanted.map((one) => ({
      ...shape(one),
      ...statusOf(
        one,
        seen.find(({ logType }) => logType === one.logType),
      ),
    })),
    ...ending.map((one) => ({ ...shape(one), Status: 'disabling' as const })),
  ];
}

/** Those that are asked for and not seen to work yet. */
export function shapePendingLogDelivery({ desired, observed }: Cache): {
  readonly LogDeliveryConfigurations?: PendingLogDeliveryConfiguration[];
} {
  const pending = (desired.logDelivery ?? []).filter(
    (one) => !(observed.logDelivery ?? []).some((other) => isSameDelivery(one, other)),
  );
  return pending.length === 0 ? {} : { LogDeliveryConfigurations: pending.map(shape) };
}

function statusOf(wanted: LogDelivery, seen: ObservedLogDelivery | undefined) {
  if (!seen) return { Status: 'enabling' as const };
  if (!isSameDelivery(wanted, seen)) return { Status: 'modifying' as const };
  return seen.message === null ? { Status: seen.status } : { Status: seen.status, Message: seen.message };
}

function shape({ logType, destinationType, destination, format }: LogDelivery) {
  const DestinationDetails: DestinationDetails =
    destinationType === 'cloudwatch-logs'
      ? { CloudWatchLogsDetails: { LogGroup: destination } }
      : { KinesisFirehoseDetails: { DeliveryStream: destination } };
  return { LogType: logType, DestinationType: destinationType, DestinationDetails, LogFormat: format };
}
