import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as identifiers from '../../src/model/identifiers.ts';
import { ServiceError } from '../../src/model/service-errors.ts';

const refused = (run: () => unknown, ...parts: (string | RegExp)[]) =>
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.code, 'InvalidParameterValue');
    for (const part of parts) assert.match(error.message, part instanceof RegExp ? part : new RegExp(part));
    return true;
  });

describe('identifiers', () => {
  const named = [
    { kind: 'CacheClusterId', parse: identifiers.parseCacheClusterId, lengthMax: 50 },
    { kind: 'ReplicationGroupId', parse: identifiers.parseReplicationGroupId, lengthMax: 40 },
    { kind: 'CacheParameterGroupName', parse: identifiers.parseCacheParameterGroupName, lengthMax: 255 },
    { kind: 'CacheSubnetGroupName', parse: identifiers.parseCacheSubnetGroupName, lengthMax: 255 },
    { kind: 'CacheSecurityGroupName', parse: identifiers.parseCacheSecurityGroupName, lengthMax: 255 },
    { kind: 'ReservedCacheNodeId', parse: identifiers.parseReservedCacheNodeId, lengthMax: 255 },
  ];
  for (const { kind, parse, lengthMax } of named) {
    describe(kind, () => {
      it('is stored in lower case', () => assert.equal(parse('Orders-EU-2'), 'orders-eu-2'));
      it('may be a single letter', () => assert.equal(parse('a'), 'a'));
      it(`has at most ${lengthMax} characters`, () => {
        assert.equal(parse('a'.repeat(lengthMax)).length, lengthMax);
        refused(() => parse('a'.repeat(lengthMax + 1)), kind, `at most ${lengthMax} are allowed`);
      });
      for (const value of ['1a', '-a', 'a-', 'a--b', 'a_b', 'a.b', 'a b', 'é', 'a\n'])
        it(`refuses ${JSON.stringify(value)}, naming parameter, value and rule`, () =>
          refused(() => parse(value), kind, 'Identifiers must begin with a letter', 'Found: "'));
      it('says so when it is blank', () =>
        refused(() => parse(''), `The parameter ${kind} must be provided and must not be blank.`));
      it('names the parameter that the caller gives', () =>
        refused(() => parse('!', 'TargetName'), 'TargetName'));
    });
  }

  it('reserves the name default for the service, in any case', () => {
    refused(() => identifiers.parseCacheSubnetGroupName('Default'), 'reserved');
    refused(() => identifiers.parseCacheParameterGroupName('default.redis7'), 'CacheParameterGroupName');
  });

  it('cuts a long value in the error text', () =>
    assert.throws(
      () => identifiers.parseCacheClusterId('!'.repeat(1_000_000)),
      (error: Error) => error.message.length < 500,
    ));

  describe('NodeGroupId', () => {
    it('has four digits; fewer are filled up', () => {
      assert.equal(identifiers.parseNodeGroupId('0001'), '0001');
      assert.equal(identifiers.parseNodeGroupId('12'), '0012');
    });
    for (const value of ['0', '0000', '12345', 'a', '-1', '1.5'])
      it(`refuses ${value}`, () => refused(() => identifiers.parseNodeGroupId(value), 'NodeGroupId', value));
  });

  describe('CacheNodeId', () => {
    it('has exactly four digits', () => assert.equal(identifiers.parseCacheNodeId('0002'), '0002'));
    for (const value of ['2', '0000', '00002', 'abcd'])
      it(`refuses ${value}`, () => refused(() => identifiers.parseCacheNodeId(value), 'CacheNodeId', value));
  });

  it('keeps descriptions as they are, up to 255 characters', () => {
    assert.equal(identifiers.parseDescription(''), '');
    refused(
      () => identifiers.parseDescription('x'.repeat(256), 'ReplicationGroupDescription'),
      '256 characters',
    );
  });

  it('looks up reserved and older names too, folding their case', () =>
    assert.equal(identifiers.parseReference('Default.Redis7', 'CacheParameterGroupName'), 'default.redis7'));
});
