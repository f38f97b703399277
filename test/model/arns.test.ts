import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arnTypes, buildArn, parseArn } from '../../src/model/arns.ts';
import { ServiceError } from '../../src/model/service-errors.ts';

const scope = { region: 'eu-west-1', account: '123456789012' };
const refused = (arn: string, reason: RegExp) =>
  assert.throws(
    () => parseArn(arn, scope),
    (error: unknown) =>
      error instanceof ServiceError && error.code === 'InvalidARN' && reason.test(error.message),
  );

describe('ARNs', () => {
  it('name region, account, type and id', () =>
    assert.equal(
      buildArn('replicationgroup', 'orders', scope),
      'arn:aws:elasticache:eu-west-1:123456789012:replicationgroup:orders',
    ));
  it('leave the region out for a global replication group', () =>
    assert.equal(
      buildArn('globalreplicationgroup', 'ldgnf-all', scope),
      'arn:aws:elasticache::123456789012:globalreplicationgroup:ldgnf-all',
    ));
  it('carry the partition of the region', () => {
    assert.match(buildArn('user', 'a', { ...scope, region: 'cn-north-1' }), /^arn:aws-cn:/);
    assert.match(buildArn('user', 'a', { ...scope, region: 'us-gov-west-1' }), /^arn:aws-us-gov:/);
  });
  for (const type of arnTypes)
    it(`of type ${type} are read back`, () =>
      assert.deepEqual(parseArn(buildArn(type, 'orders', scope), scope), { type, id: 'orders' }));
  it('are read without regard to the case of the id', () =>
    assert.equal(
      parseArn('arn:aws:elasticache:eu-west-1:123456789012:snapshot:Nightly', scope).id,
      'nightly',
    ));
  it('keep the dots of automatic snapshots and default groups', () =>
    assert.equal(
      parseArn('arn:aws:elasticache:eu-west-1:123456789012:parametergroup:default.redis7', scope).id,
      'default.redis7',
    ));

  const bad: [string, string, RegExp][] = [
    ['no ARN at all', 'orders', /expected arn:aws/],
    ['the empty text', '', /expected arn:aws/],
    ['another service', 'arn:aws:rds:eu-west-1:123456789012:cluster:a', /expected arn:aws/],
    ['an unknown type', 'arn:aws:elasticache:eu-west-1:123456789012:shard:a', /the type "shard"/],
    ['no id', 'arn:aws:elasticache:eu-west-1:123456789012:cluster:', /expected arn:aws/],
    ['another region', 'arn:aws:elasticache:us-east-1:123456789012:cluster:a', /region eu-west-1/],
    ['another account', 'arn:aws:elasticache:eu-west-1:999999999999:cluster:a', /account 123456789012/],
    ['another partition', 'arn:aws-cn:elasticache:eu-west-1:123456789012:cluster:a', /region eu-west-1/],
  ];
  for (const [what, arn, reason] of bad) it(`refuse ${what} with InvalidARN`, () => refused(arn, reason));
});
