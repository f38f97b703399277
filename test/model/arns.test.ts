import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arnTypes, buildArn, parseArn } from '../../src/model/arns.ts';
import { ServiceError, type ServiceErrorCode } from '../../src/model/service-errors.ts';

const scope = { region: 'eu-west-1', account: '123456789012' };
const refused = (arn: string, code: ServiceErrorCode, text: string) =>
  assert.throws(
    () => parseArn(arn, scope),
    (error: unknown) =>
      error instanceof ServiceError && error.code === code && error.message.startsWith(text),
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

  const own = 'arn:aws:elasticache:eu-west-1:123456789012';
  const parts = 'Input ARN string does not have 7 components.';
  const bad: readonly (readonly [what: string, arn: string, text: string])[] = [
    ['no ARN at all', 'orders', parts],
    ['the empty text', '', parts],
    ['six parts', `${own}:cluster`, parts],
    ['eight parts', `${own}:cluster:a:b`, parts],
    [
      'another service',
      'arn:aws:rds:eu-west-1:123456789012:cluster:a',
      'service field is wrong. Expected value is elasticache',
    ],
    [
      'another partition',
      'arn:aws-cn:elasticache:eu-west-1:123456789012:cluster:a',
      'partition field is wrong. Expected value is aws',
    ],
    ['an unknown type', `${own}:shard:a`, 'The ResourceName'],
    ['no id', `${own}:cluster:`, 'The ResourceName'],
  ];
  for (const [what, arn, text] of bad)
    it(`refuse ${what} with InvalidARN`, () => refused(arn, 'InvalidARN', text));

  it("refuse what is another region's or account's with InvalidParameterValue", () => {
    const [elsewhere, foreign] = ['us-east-1:123456789012', 'eu-west-1:999999999999'];
    const unauthorized = 'Unauthorized call. Please check the region or customer id';
    refused(`arn:aws:elasticache:${elsewhere}:cluster:a`, 'InvalidParameterValue', unauthorized);
    const stranger = "The resource ARN does not belong to the caller's account.";
    refused(`arn:aws:elasticache:${foreign}:cluster:a`, 'InvalidParameterValue', stranger);
  });
});
