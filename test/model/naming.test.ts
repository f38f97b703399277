import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as naming from '../../src/model/naming.ts';

const label = { cacheId: 'orders', hash: 'a1b2c3', region: 'us-east-1', tls: false };
const tls = { ...label, tls: true };

describe('member names', () => {
  it('are <group>-001 with cluster mode disabled', () =>
    assert.equal(naming.memberName('orders', null, 1), 'orders-001'));
  it('are <group>-0001-001 with cluster mode enabled', () =>
    assert.equal(naming.memberName('orders', '0002', 3), 'orders-0002-003'));
  it('tell their number', () => assert.equal(naming.memberNumber('orders-0002-013'), 13));
  it('of new members take the lowest free numbers', () =>
    assert.deepEqual(naming.nextMemberNames('orders', null, ['orders-001', 'orders-003'], 2), [
      'orders-002',
      'orders-004',
    ]));
  it('of new members are counted per node group', () =>
    assert.deepEqual(naming.nextMemberNames('orders', '0002', ['orders-0001-001'], 1), ['orders-0002-001']));
});

describe('ids of node groups and cache nodes', () => {
  it('take the lowest free four-digit numbers', () =>
    assert.deepEqual(naming.nextFourDigitIds(['0001', '0003'], 3), ['0002', '0004', '0005']));
});

describe('DNS labels', () => {
  const rows: [string, string, string][] = [
    ['the primary', naming.primaryHost(label), 'orders.a1b2c3.ng.0001.use1'],
    ['the primary with TLS', naming.primaryHost(tls), 'master.orders.a1b2c3.use1'],
    ['the reader', naming.readerHost(label), 'orders-ro.a1b2c3.ng.0001.use1'],
    ['the reader with TLS', naming.readerHost(tls), 'replica.orders.a1b2c3.use1'],
    ['a configuration endpoint', naming.configurationHost(label), 'orders.a1b2c3.clustercfg.use1'],
    ['a configuration endpoint with TLS', naming.configurationHost(tls), 'clustercfg.orders.a1b2c3.use1'],
    ['a member', naming.memberHost(label, 'orders-001'), 'orders-001.a1b2c3.0001.use1'],
    ['a member with TLS', naming.memberHost(tls, 'orders-001'), 'orders-001.orders.a1b2c3.use1'],
    ['a shard member', naming.memberHost(label, 'orders-0001-001'), 'orders-0001-001.a1b2c3.0001.use1'],
    [
      'a shard member with TLS',
      naming.memberHost(tls, 'orders-0001-001'),
      'orders-0001-001.orders.a1b2c3.use1',
    ],
    ['a single node', naming.clusterNodeHost(label), 'orders.a1b2c3.0001.use1'],
    ['the second Memcached node', naming.clusterNodeHost(label, '0002'), 'orders.a1b2c3.0002.use1'],
    [
      'a Memcached configuration endpoint',
      naming.memcachedConfigurationHost(label),
      'orders.a1b2c3.cfg.use1',
    ],
    ['the same with TLS', naming.memcachedConfigurationHost(tls), 'orders.a1b2c3.cfg.use1'],
  ];
  for (const [what, found, expected] of rows)
    it(`name ${what} ${expected}`, () => assert.equal(found, expected));
});

describe('short region codes', () => {
  const rows: [string, string][] = [
    ['us-east-1', 'use1'],
    ['us-west-2', 'usw2'],
    ['eu-west-1', 'euw1'],
    ['eu-central-1', 'euc1'],
    ['ap-northeast-1', 'apne1'],
    ['ap-southeast-2', 'apse2'],
    ['sa-east-1', 'sae1'],
    ['us-gov-west-1', 'usgw1'],
    ['lab-2', 'lab2'],
    ['my-own-region-3', 'myownregion3'],
  ];
  for (const [region, code] of rows)
    it(`shorten ${region} to ${code}`, () => assert.equal(naming.regionCode(region), code));
});

describe('names made from the time', () => {
  const at = new Date('2026-11-20T03:05:09.123Z');
  it('give reserved nodes a time to the millisecond', () =>
    assert.equal(naming.defaultReservedCacheNodeId(at), 'ri-2026-11-20-03-05-09-123'));
});
