/** Delivers to CloudWatch Logs: a log stream for each log of each node, made when it is missing. Its log group has to be there. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { LogEvent } from '../../model/log-delivery.ts';
import { clientsByRegion, isAnswer } from './aws-service.ts';
import { type LogDestination, type LogStream, streamName } from './destination.ts';

/** PutLogEvents: events at most, bytes with 26 for each, and the time from the first to the last. */
const limits = { events: 10_000, bytes: 1_048_576, overhead: 26, spanMs: 24 * 3_600_000 } as const;

export function createCloudWatchDestination(endpoint: string): LogDestination {
  const load = () => import('@aws-sdk/client-cloudwatch-logs');
  const within = clientsByRegion(
    endpoint,
    'the log group',
    async (options) => new (await load()).CloudWatchLogsClient(options),
  );

  async function makeStream(client: CloudWatchLogsClient, stream: LogStream): Promise<void> {
    const { CreateLogStreamCommand } = await load();
    const names = { logGroupName: stream.destination, logStreamName: streamName(stream) };
    await client.send(new CreateLogStreamCommand(names)).catch((error: unknown) => {
      if (!isAnswer(error, 'ResourceAlreadyExistsException')) throw error;
    });
  }

  async function put(
    client: CloudWatchLogsClient,
    stream: LogStream,
    batch: readonly LogEvent[],
  ): Promise<void> {
    const { PutLogEventsCommand } = await load();
    // What is too old, or of a future, the service leaves out and says so: it would not take it the next time either.
    await client.send(
      new PutLogEventsCommand({
        logGroupName: stream.destination,
        logStreamName: streamName(stream),
        logEvents: batch.map(({ at, text }) => ({ timestamp: at, message: text })),
      }),
    );
  }

  return {
    check: (stream) => within(stream, (client) => makeStream(client, stream)),
    deliver: (stream, events) =>
      within(stream, async (client) => {
        for (const batch of batches(events)) {
          try {
            await put(client, stream, batch);
          } catch (error) {
            if (!isAnswer(error, 'ResourceNotFoundException')) throw error;
            await makeStream(client, stream); // somebody has deleted it
            await put(client, stream, batch);
          }
        }
      }),
  };
}

/** In the order of time, as the service wants them, and no more in each than it takes. */
export function batches(events: readonly LogEvent[]): readonly (readonly LogEvent[])[] {
  const all: LogEvent[][] = [];
  let bytes = 0;
  for (const event of events.toSorted((a, b) => a.at - b.at)) {
    const size = Buffer.byteLength(event.text) + limits.overhead;
    const batch = all.at(-1);
    const isFull =
      !batch ||
      batch.length >= limits.events ||
      bytes + size > limits.bytes ||
      event.at - (batch[0]?.at ?? 0) >= limits.spanMs;
    if (isFull) all.push([event]);
    else batch.push(event);
    bytes = isFull ? size : bytes + size;
  }
  return all;
}
