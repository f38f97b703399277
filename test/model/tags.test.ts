import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceError } from '../../src/model/service-errors.ts';
import { mergeTags, parseTags, removeTags } from '../../src/model/tags.ts';

const refused = (run: () => unknown, code: string, pattern: RegExp) =>
  assert.throws(
    run,
    (error: unknown) => error instanceof ServiceError && error.code === code && pattern.test(error.message),
  );
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));

describe('tags', () => {
  it('may have no value', () => assert.deepEqual(parseTags([{ Key: 'a' }]), [{ key: 'a', value: '' }]));
  it('may have letters of any script and + - = . _ : / @', () => {
    assert.equal(parseTags([{ Key: 'Größe +-=._:/@', Value: '東京 1' }]).length, 1);
  });
  it('are 50 at most', () => {
    assert.equal(parseTags(many(50)).length, 50);
    refused(() => parseTags(many(51)), 'TagQuotaPerResourceExceeded', /51 tags; at most 50/);
  });

  const bad: [string, { Key?: string; Value?: string }[], RegExp][] = [
    ['a missing key', [{ Value: 'v' }], /has no key/],
    ['a key of 129 characters', [{ Key: 'k'.repeat(129) }], /129 characters; at most 128/],
    ['a value of 257 characters', [{ Key: 'k', Value: 'v'.repeat(257) }], /257 characters; at most 256/],
    ['a key that begins with aws:', [{ Key: 'AWS:stack' }], /reserved/],
    ['the same key twice', [{ Key: 'k' }, { Key: 'k' }], /the key "k" twice/],
    ['other characters', [{ Key: 'a<b' }], /may only have/],
  ];
  for (const [what, tags, pattern] of bad)
    it(`refuse ${what}`, () => refused(() => parseTags(tags), 'InvalidParameterValue', pattern));

  it('tell keys apart by their case', () => assert.equal(parseTags([{ Key: 'k' }, { Key: 'K' }]).length, 2));
  it('that are added replace the value of the same key in its place', () =>
    assert.deepEqual(
      mergeTags(
        parseTags([{ Key: 'a', Value: '1' }, { Key: 'b' }]),
        parseTags([{ Key: 'c' }, { Key: 'a', Value: '2' }]),
      ),
      [
        { key: 'a', value: '2' },
        { key: 'b', value: '' },
        { key: 'c', value: '' },
      ],
    ));
  it('that are added may not lead beyond 50', () =>
    refused(
      () => mergeTags(parseTags(many(50)), parseTags([{ Key: 'x' }])),
      'TagQuotaPerResourceExceeded',
      /51/,
    ));
  it('that are removed must all be there', () => {
    const tags = parseTags([{ Key: 'a' }, { Key: 'b' }]);
    assert.deepEqual(removeTags(tags, ['a']), [{ key: 'b', value: '' }]);
    refused(() => removeTags(tags, ['a', 'x']), 'TagNotFound', /"x"/);
  });
});
