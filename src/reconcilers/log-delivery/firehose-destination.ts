/** Delivers to a Firehose stream, a record for each entry. The stream has to be there. */
import type { FirehoseClient } from '@aws-sdk/client-firehose';
import type { LogEvent } from '../../model/log-delivery.ts';
import { clientsByRegion } from './aws-service.ts';
import type { LogDestination, LogStream } from './destination.ts';

/** PutRecordBatch: records at most, and bytes. A part of a log is smaller than the latter. */
const recordsMax = 500;
/** Of one batch: the service may refuse single records, above all when it is busy. */
const attemptsMax = 3;

export function createFirehoseDestination(endpoint: string): LogDestination {
  const load = () => import('@aws-sdk/client-firehose');
  const within = clientsByRegion(
    endpoint,
    'the delivery stream',
    async (options) => new (await load()).FirehoseClient(options),
  );

  /** Gives those that the service did not take, and why. */
  async function put(client: FirehoseClient, stream: LogStream, batch: readonly LogEvent[]) {
    const { PutRecordBatchCommand } = await load();
    const { FailedPutCount = 0, RequestResponses = [] } = await client.send(
      new PutRecordBatchCommand({
        DeliveryStreamName: stream.destination,
        Records: batch.map(({ text }) => ({ Data: Buffer.from(`${text}\n`) })),
      }),
    );
    if (FailedPutCount === 0) return { refused: [], reason: '' };
    const reasons = RequestResponses.map(({ ErrorCode, ErrorMessage }) =>
      ErrorCode === undefined ? null : `${ErrorCode}: ${ErrorMessage}`,
    );
    const refused = batch.filter((_, index) => reasons[index] !== null);
    return { refused, reason: reasons.find((one) => one !== null) ?? 'no reason' };
  }

  return {
    check: (stream) =>
      within(stream, async (client) => {
        const { DescribeDeliveryStreamCommand } = await load();
        await client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: stream.destination }));
      }),
    deliver: (stream, events) =>
      within(stream, async (client) => {
        for (let from = 0; from < events.length; from += recordsMax) {
          let left: readonly LogEvent[] = events.slice(from, from + recordsMax);
          for (let attempt = 1; left.length > 0; attempt += 1) {
            const { refused, reason } = await put(client, stream, left);
            if (refused.length > 0 && attempt >= attemptsMax)
              throw new Error(`${refused.length} of ${left.length} records were refused: ${reason}`);
            left = refused;
          }
        }
      }),
  };
}
