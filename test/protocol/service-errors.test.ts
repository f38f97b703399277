import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { errorTypeRegistries } from '@aws-sdk/client-elasticache';
import {
  commonErrorStatuses,
  elastiCacheErrorStatuses,
  ServiceError,
  serviceErrorStatuses,
} from '../../src/model/service-errors.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** Code to status, from the rows of the page's tables. */
function documented(): ReadonlyMap<string, number> {
  const rows = [...page.matchAll(/^\| ([A-Za-z.]+) \| (\d{3}) \| ([^|]+) \| ([^|]+) \|$/gm)];
  return new Map(rows.map(([, code, status]) => [code!, Number(status)]));
}

/** Wire codes and statuses as the SDK's error shapes carry them. */
function sdkErrors(): Record<string, number> {
  const found: Record<string, number> = {};
  for (const registry of errorTypeRegistries) {
    const { schemas } = registry as unknown as {
      schemas: Map<string, readonly [unknown, unknown, unknown, unknown]>;
    };
    for (const schema of schemas.values()) {
      const traits = schema[3] as { awsQueryError?: readonly [string, number] };
      if (traits.awsQueryError) found[traits.awsQueryError[0]] = traits.awsQueryError[1];
    }
  }
  return found;
}

describe('service errors', () => {
  it('have exactly the codes and statuses of the SDK for ElastiCache', () => {
    assert.deepEqual({ ...elastiCacheErrorStatuses }, sdkErrors());
  });

  it('have no code in both parts of the table', () => {
    const both = Object.keys(commonErrorStatuses).filter((code) =>
      Object.hasOwn(elastiCacheErrorStatuses, code),
    );
    assert.deepEqual(both, []);
  });

  it('are each explained on the page of errors, with their status', () => {
    const rows = documented();
    assert.deepEqual(Object.fromEntries(rows), { ...serviceErrorStatuses });
  });

  it('say whose fault they are: 5xx is ours', () => {
    const ours = new ServiceError('InternalFailure', 'x');
    const theirs = new ServiceError('ReplicationGroupNotFoundFault', 'no replication group orders');
    assert.deepEqual([ours.status, ours.fault], [500, 'Receiver']);
    assert.deepEqual(
      [theirs.status, theirs.fault, theirs.message],
      [404, 'Sender', 'no replication group orders'],
    );
    assert.ok(theirs instanceof Error);
  });
});
