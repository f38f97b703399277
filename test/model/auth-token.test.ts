import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AuthTokens, hashAuthToken, nextAuthTokens } from '../../src/model/auth-token.ts';

const [one, two, three] = ['one-token-of-many', 'two-token-of-many', 'three-token-of-many'].map(
  hashAuthToken,
) as [string, string, string];
const now = 1;
const only = (hash: string): AuthTokens => ({
  hashes: [hash],
  isOpen: false,
  strategy: 'SET',
  modifiedAt: 0,
});

describe('an AUTH token', () => {
  it('has 16 to 128 letters, digits and ! & # $ ^ < > -, and no error shows it', () => {
    for (const good of ['a'.repeat(16), 'a'.repeat(128), 'aZ09!&#$^<>-aZ09']) hashAuthToken(good);
    const bad = [
      '',
      'a'.repeat(15),
      'a'.repeat(129),
      ...[...' /"@%*é\n\0_'].map((sign) => `secretsecretsec${sign}x`),
    ];
    for (const token of bad)
      assert.throws(
        () => hashAuthToken(token),
        (error: Error) => {
          assert.match(error.message, /^Invalid AuthToken provided\./);
          return !error.message.includes('secretsec') && !error.message.includes('aaa');
        },
      );
  });

  it('is added by ROTATE, which keeps the one before it and no third', () => {
    const both = nextAuthTokens(only(one), 'ROTATE', two, now)!;
    assert.deepEqual(both, { hashes: [one, two], isOpen: false, strategy: 'ROTATE', modifiedAt: now });
    assert.deepEqual(nextAuthTokens(both, 'ROTATE', three, now)?.hashes, [two, three]);
    assert.deepEqual(nextAuthTokens(both, 'ROTATE', one, now)?.hashes, [two, one]);
  });

  it('leaves a group open that had none, until SET', () => {
    const open = nextAuthTokens(undefined, 'ROTATE', one, now)!;
    assert.equal(open.isOpen, true);
    assert.equal(nextAuthTokens(open, 'ROTATE', two, now)?.isOpen, true);
    assert.deepEqual(nextAuthTokens(open, 'SET', one, now), { ...only(one), modifiedAt: now });
    assert.deepEqual(nextAuthTokens(undefined, 'SET', one, now), { ...only(one), modifiedAt: now });
  });

  it('is the only one after SET, which takes the latest and no other', () => {
    const both = nextAuthTokens(only(one), 'ROTATE', two, now)!;
    assert.deepEqual(nextAuthTokens(both, 'SET', two, now)?.hashes, [two]);
    for (const [present, hash] of [
      [both, one],
      [both, three],
      [only(one), two],
    ] as const)
      assert.throws(() => nextAuthTokens(present, 'SET', hash, now), /latest ROTATE/);
  });

  it('changes nothing when a request is repeated', () => {
    assert.equal(nextAuthTokens(only(one), 'SET', one, now), null);
    assert.equal(nextAuthTokens(only(one), 'ROTATE', one, now), null);
  });
});
