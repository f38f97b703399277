import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ElastiCacheClient, LogDeliveryConfigurationRequest } from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { startLogService } from '../support/log-service.ts';
import { createCluster, describeCluster, messagesOf } from './caches.ts';
import { nodesOf } from './faults.ts';

/** Redis OSS: CreateCacheCluster makes it without a group. */
const logs: LogDeliveryConfigurationRequest[] = [
  {
    LogType: 'engine-log',
    DestinationType: 'cloudwatch-logs',
    DestinationDetails: { CloudWatchLogsDetails: { LogGroup: '/orders/engine' } },
    LogFormat: 'json',
  },
  {
    LogType: 'slow-log',
    DestinationType: 'kinesis-firehose',
    DestinationDetails: { KinesisFirehoseDetails: { DeliveryStream: 'slow-commands' } },
    LogFormat: 'text',
  },
];
/** Longer than the slow log's 10 ms on any machine. */
const slowScript = 'local until_ = 2e7 for i = 1, until_ do end return redis.call("PING")';
const streamName = 'elasticache/redis/orders/0001/engine-log';

const service = await startLogService();
let limber: Limber;
let client: ElastiCacheClient;

before(async () => {
  limber = await startLimber({
    settings: { logDeliveryMs: 50 },
    env: {
      LIMBER_CLOUDWATCH_LOGS: service.url,
      LIMBER_FIREHOSE: service.url,
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example-of-a-secret',
    },
  });
  client = limber.client();
  service.deliveryStreams.set('slow-commands', []);
  await createCluster(client, {
    CacheClusterId: 'orders',
    Engine: 'redis',
    NumCacheNodes: 1,
    LogDeliveryConfigurations: logs,
  });
});

const becomes = (logType: string, status: string) =>
  eventually(async (see) => {
    const { LogDeliveryConfigurations: all = [] } = see(await describeCluster(client, 'orders'));
    return all.find(({ LogType, Status }) => LogType === logType && Status === status);
  });
const address = async () => (await nodesOf(limber, 'orders'))[0]!;
const runSlowly = async () => askOnce(await address(), 'EVAL', slowScript, 0);
/** `12 Nov 2020 01:28:57.994 UTC` */
const timeText = (at: number): string => {
  const [, day, month, year] = new Date(at).toUTCString().split(' ');
  return `${day} ${month} ${year} ${new Date(at).toISOString().slice(11, 23)} UTC`;
};
const slowLines = () => service.deliveryStreams.get('slow-commands') ?? [];

describe('log delivery to services that answer the API of AWS', () => {
  it('is an error that names the log group while there is none, and begins when it is made', async () => {
    const { Message = '' } = await becomes('engine-log', 'error');
    assert.match(
      Message,
      /the log group \/orders\/engine: ResourceNotFoundException: The specified log group/,
    );
    service.logGroups.set('/orders/engine', new Map());
    await becomes('engine-log', 'active');
    await eventually(async () =>
      (await messagesOf(client, 'orders')).includes('The engine-log is delivered again'),
    );
  });

  it('brings the engine log to a stream of each node in CloudWatch Logs, in the order of time', async () => {
    const { message, timestamp } = await eventually(() =>
      service.logGroups
        .get('/orders/engine')
        ?.get(streamName)
        ?.find((event) => event.message.includes('Ready to accept connections')),
    );
    const entry = JSON.parse(message);
    assert.deepEqual(
      [entry.CacheClusterId, entry.CacheNodeId, entry.Role, entry.LogLevel],
      ['orders', '0001', 'M', 'NOTICE'],
    );
    assert.equal(entry.Time, timeText(timestamp));
  });

  it('makes the stream again when somebody has deleted it', async () => {
    service.logGroups.get('/orders/engine')?.clear();
    await askOnce(await address(), 'EVAL', "redis.log(redis.LOG_WARNING, 'after the deletion')", 0);
    await eventually(() =>
      service.logGroups
        .get('/orders/engine')
        ?.get(streamName)
        ?.some(({ message }) => message.includes('after the del')),
    );
  });

  it('brings the slow log to a Firehose stream, and single records that it refuses once more', async () => {
    service.refuseRecords(1);
    await runSlowly();
    const line = await eventually(() => slowLines().find((one) => one.includes('EVAL')));
    assert.match(line, /^orders,0001,\d{10},\d{5,},EVAL \.\.\. \(2 more arguments\),127\.[\d.:]+,\n$/);
    assert.equal(service.refused, 1);
  });

  it('waits while a service fails or is away, and brings everything then, each entry once', async () => {
    const before_ = slowLines().length;
    service.fail(500);
    await runSlowly();
    await becomes('slow-log', 'error');
    await runSlowly();
    service.fail(null);
    await eventually(() => slowLines().length === before_ + 2);
    await becomes('slow-log', 'active');
  });

  it('keeps no other log waiting while a service hangs, and nobody who uses the cache', async () => {
    const before_ = slowLines().length;
    service.hang('PutLogEvents');
    const node = await address();
    await askOnce(node, 'EVAL', "redis.log(redis.LOG_WARNING, 'into the hanging service')", 0);
    for (let count = 0; count < 100; count += 1) await askOnce(node, 'INCR', 'served');
    await runSlowly();
    await eventually(() => slowLines().length === before_ + 1);
    service.hang(null);
    await eventually(() =>
      service.logGroups
        .get('/orders/engine')
        ?.get(streamName)
        ?.some(({ message }) => message.includes('into the hanging')),
    );
  });

  it('signs with the credentials of its environment, and keeps them to itself', async () => {
    assert.match(service.authorization, /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\//);
    assert.doesNotMatch(limber.logs(), /example-of-a-secret/);
  });
});
