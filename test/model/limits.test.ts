import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkQuota, checkRange, quotas } from '../../src/model/limits.ts';
import { ServiceError } from '../../src/model/service-errors.ts';

const refused = (run: () => unknown, code: string, pattern: RegExp) =>
  assert.throws(
    run,
    (error: unknown) => error instanceof ServiceError && error.code === code && pattern.test(error.message),
  );

describe('quotas', () => {
  for (const [name, quota] of Object.entries(quotas))
    it(`${name}: ${quota.limit} fit, one more is ${quota.code}`, () => {
      checkQuota(quota, quota.limit - 1, 1);
      refused(() => checkQuota(quota, quota.limit, 1), quota.code, new RegExp(`the quota is ${quota.limit}`));
    });
});

describe('ranges', () => {
  it('include both ends', () => {
    checkRange('NumCacheNodes', 1, 1, 40);
    checkRange('NumCacheNodes', 40, 1, 40);
  });
  for (const value of [0, 41, 1.5, Number.NaN])
    it(`refuse ${value} with parameter, value and limits`, () =>
      refused(
        () => checkRange('NumCacheNodes', value, 1, 40),
        'InvalidParameterValue',
        /NumCacheNodes has the value .* from 1 to 40/,
      ));
});
