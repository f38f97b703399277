import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogDeliveryConfigurationRequest } from '@aws-sdk/client-elasticache';
import { withLogDelivery } from '../../src/actions/shared/log-delivery.ts';
import { shapeLogDelivery, shapePendingLogDelivery } from '../../src/actions/shared/shape-log-delivery.ts';
import type { LogDelivery, ObservedLogDelivery } from '../../src/model/log-delivery.ts';
import { replicationGroup } from '../store/rows.ts';

const valkey = { engine: 'valkey', engineVersion: '9.1' } as const;
const slow: LogDeliveryConfigurationRequest = {
  LogType: 'slow-log',
  DestinationType: 'cloudwatch-logs',
  DestinationDetails: { CloudWatchLogsDetails: { LogGroup: '/aws/elasticache/orders' } },
  LogFormat: 'json',
};
const slowDelivery: LogDelivery = {
  logType: 'slow-log',
  destinationType: 'cloudwatch-logs',
  destination: '/aws/elasticache/orders',
  format: 'json',
  since: 5,
};
const engineDelivery: LogDelivery = {
  logType: 'engine-log',
  destinationType: 'kinesis-firehose',
  destination: 'stream',
  format: 'text',
  since: 6,
};

describe('LogDeliveryConfigurations', () => {
  it('add a log, change one and leave the other as it is', () => {
    assert.deepEqual(withLogDelivery(valkey, [slow], 5), [slowDelivery]);
    const both = { ...valkey, logDelivery: [slowDelivery, engineDelivery] };
    assert.deepEqual(withLogDelivery(both, [{ ...slow, LogFormat: 'text' }], 9), [
      engineDelivery,
      { ...slowDelivery, format: 'text', since: 9 },
    ]);
  });

  it('turn a log off by its type alone, also one that is off', () => {
    const off = [{ LogType: 'slow-log', Enabled: false } as const];
    assert.deepEqual(withLogDelivery({ ...valkey, logDelivery: [slowDelivery] }, off, 9), []);
    assert.deepEqual(withLogDelivery(valkey, off, 9), []);
  });

  it('that ask for what is so already begin nothing anew', () => {
    assert.deepEqual(withLogDelivery({ ...valkey, logDelivery: [slowDelivery] }, [slow], 9), [slowDelivery]);
  });

  const details = (group?: string, stream?: string) => ({
    DestinationDetails: {
      ...(group === undefined ? {} : { CloudWatchLogsDetails: { LogGroup: group } }),
      ...(stream === undefined ? {} : { KinesisFirehoseDetails: { DeliveryStream: stream } }),
    },
  });
  const firehose = { ...slow, DestinationType: 'kinesis-firehose' } as const;
  const refusals: readonly [string, object, object | readonly object[], RegExp][] = [
    ['of Memcached', { engine: 'memcached', engineVersion: '1.6.38' }, slow, /not available with memcached/],
    [
      'for the slow log of an old Redis OSS, in the words of ElastiCache',
      { engine: 'redis', engineVersion: '5.0.6' },
      slow,
      /^slow-log log delivery is not available for this redis engine version\.$/,
    ],
    [
      'for the engine log of an old Redis OSS',
      { engine: 'redis', engineVersion: '6.0' },
      { ...slow, LogType: 'engine-log' },
      /^engine-log log delivery is not available/,
    ],
    ['without a type', valkey, { ...slow, LogType: undefined }, /LogType must be provided/],
    ['with an unknown type', valkey, { ...slow, LogType: 'query-log' }, /LogType is query-log/],
    ['that name a type twice', valkey, [slow, { ...slow, LogFormat: 'text' }], /slow-log more than once/],
    ['without a form', valkey, { ...slow, LogFormat: undefined }, /LogFormat must be provided/],
    ['without a kind of destination', valkey, { ...slow, DestinationType: '' }, /DestinationType must/],
    [
      'without a destination',
      valkey,
      { ...slow, DestinationDetails: undefined },
      /LogGroup must be provided/,
    ],
    ['with an empty destination', valkey, { ...slow, ...details('') }, /LogGroup must be provided/],
    [
      "with the other kind's destination",
      valkey,
      { ...slow, ...details('a', 'b') },
      /KinesisFirehoseDetails/,
    ],
    ['with the group of a stream', valkey, { ...firehose, ...details('a') }, /CloudWatchLogsDetails/],
    ['with a group that cannot be', valkey, { ...slow, ...details('a b') }, /LogGroup cannot be a b/],
    [
      'with a stream that cannot be',
      valkey,
      { ...firehose, ...details(undefined, 'a/b') },
      /DeliveryStream cannot/,
    ],
  ];
  for (const [name, current, asked, message] of refusals)
    it(`are refused ${name}`, () => {
      const requests = [asked].flat() as LogDeliveryConfigurationRequest[];
      assert.throws(() => withLogDelivery(current as typeof valkey, requests, 1), { message });
    });
});

describe('what a cache shows of its log delivery', () => {
  const shown = (wanted: readonly LogDelivery[], seen: readonly ObservedLogDelivery[]) => {
    const row = replicationGroup('orders');
    const cache = {
      ...row,
      desired: { ...row.desired, logDelivery: wanted },
      observed: { ...row.observed, logDelivery: seen },
    };
    return {
      statuses: shapeLogDelivery(cache).map(({ LogType, Status, Message }) => [LogType, Status, Message]),
      pending: (shapePendingLogDelivery(cache).LogDeliveryConfigurations ?? []).map(({ LogType }) => LogType),
    };
  };
  const active = { ...slowDelivery, status: 'active', message: null } as const;

  it('enabling until it was seen to work, active then', () => {
    assert.deepEqual(shown([slowDelivery], []), {
      statuses: [['slow-log', 'enabling', undefined]],
      pending: ['slow-log'],
    });
    assert.deepEqual(shown([slowDelivery], [active]).statuses, [['slow-log', 'active', undefined]]);
  });

  it('modifying while the one before is what was seen', () => {
    assert.deepEqual(shown([{ ...slowDelivery, format: 'text', since: 9 }], [active]), {
      statuses: [['slow-log', 'modifying', undefined]],
      pending: ['slow-log'],
    });
  });

  it('disabling until nobody delivers it any more', () => {
    assert.deepEqual(shown([], [active]), { statuses: [['slow-log', 'disabling', undefined]], pending: [] });
  });

  it('error with the reason', () => {
    const failed = { ...slowDelivery, status: 'error', message: 'no such group' } as const;
    assert.deepEqual(shown([slowDelivery], [failed]).statuses, [['slow-log', 'error', 'no such group']]);
  });
});
