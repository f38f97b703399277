/** A stand-in for CloudWatch Logs and Firehose: the actions that log delivery calls, over the wire that the AWS SDK speaks, and faults on demand. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { after } from 'node:test';

interface DeliveredEvent {
  readonly timestamp: number;
  readonly message: string;
}

export interface LogService {
  readonly url: string;
  /** Name → log stream → events. */
  readonly logGroups: Map<string, Map<string, DeliveredEvent[]>>;
  /** Name → records. */
  readonly deliveryStreams: Map<string, string[]>;
  /** Of the last request. */
  readonly authorization: string;
  readonly refused: number;
  /** Firehose refuses the first record of that many batches. */
  refuseRecords(count: number): void;
  /** Every request fails with this status; null: none. */
  fail(status: number | null): void;
  /** Requests for this action get no answer; null: all are answered, also those that wait. */
  hang(action: string | null): void;
}

interface Input {
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly logEvents: readonly DeliveredEvent[];
  readonly DeliveryStreamName: string;
  readonly Records: readonly { readonly Data: string }[];
}

/** To be called at the top of a file, with which it ends. */
export async function startLogService(): Promise<LogService> {
  const logGroups: LogService['logGroups'] = new Map();
  const deliveryStreams: LogService['deliveryStreams'] = new Map();
  let [authorization, refused, toRefuse, failure] = ['', 0, 0, null as number | null];

  let hanging: string | null = null;
  const waiting: (() => void)[] = [];

  const groupOf = ({ logGroupName }: Input) =>
    logGroups.get(logGroupName) ??
    refuse('ResourceNotFoundException', 'The specified log group does not exist.');
  const streamOf = ({ DeliveryStreamName: name }: Input) =>
    deliveryStreams.get(name) ?? refuse('ResourceNotFoundException', `Firehose ${name} not found.`);

  const actions: Readonly<Record<string, (input: Input) => object>> = {
    CreateLogStream(input) {
      const group = groupOf(input);
      if (group.has(input.logStreamName)) refuse('ResourceAlreadyExistsException', 'It exists.');
      group.set(input.logStreamName, []);
      return {};
    },
    PutLogEvents(input) {
      const stream =
        groupOf(input).get(input.logStreamName) ??
        refuse('ResourceNotFoundException', 'The specified log stream does not exist.');
      const events = input.logEvents;
      if (events.some(({ timestamp }, index) => timestamp < (events[index - 1]?.timestamp ?? 0)))
        refuse(
          'InvalidParameterException',
          'Log events in a single PutLogEvents request must be in chronological order.',
        );
      stream.push(...events);
      return {};
    },
    DescribeDeliveryStream(input) {
      streamOf(input);
      return { DeliveryStreamDescription: { DeliveryStreamName: input.DeliveryStreamName } };
    },
    PutRecordBatch(input) {
      const stream = streamOf(input);
      const refuses = toRefuse > 0 ? 1 : 0;
      toRefuse -= refuses;
      refused += refuses;
      const records = input.Records;
      for (const { Data } of records.slice(refuses)) stream.push(Buffer.from(Data, 'base64').toString());
      return {
        FailedPutCount: refuses,
        RequestResponses: records.map((_, index) =>
          index < refuses
            ? { ErrorCode: 'ServiceUnavailableException', ErrorMessage: 'Slow down.' }
            : { RecordId: '1' },
        ),
      };
    },
  };

  const server = createServer(async (request, response) => {
    authorization = request.headers.authorization ?? '';
    const name = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    const input = (await json(request)) as Input;
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(body));
    };
    if (name === hanging) await new Promise<void>((resolve) => waiting.push(resolve));
    if (failure !== null) return answer(failure, { __type: 'InternalFailure', message: 'It fails.' });
    try {
      answer(200, (actions[name] ?? refuse('UnknownOperationException', name))(input));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer(400, { __type: error.name, message: error.message });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    logGroups,
    deliveryStreams,
    get authorization() {
      return authorization;
    },
    get refused() {
      return refused;
    },
    refuseRecords(count) {
      toRefuse = count;
    },
    hang(action) {
      hanging = action;
      if (action === null) for (const go of waiting.splice(0)) go();
    },
    fail(status) {
      failure = status;
    },
  };
}

class Refusal extends Error {}

function refuse(name: string, message: string): never {
  const refusal = new Refusal(message);
  refusal.name = name;
  throw refusal;
}
