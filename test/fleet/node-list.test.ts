import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointConfiguration } from '../../src/endpoints/memcached-configuration/configuration.ts';
import type { CacheView } from '../../src/fleet/cache-view.ts';
import { correctedList, nodeListOf } from '../../src/fleet/node-list.ts';
import { cacheCluster, cacheNode, endpoint } from '../store/rows.ts';

const zone = 'cache.test';
const addresses = ['127.1.0.1', '127.1.0.2'];

function viewOf(
  configurationVersion: number,
  tags: readonly { key: string; value: string }[] = [],
): CacheView {
  const cluster = cacheCluster('pages');
  const cache = { ...cluster, tags, observed: { ...cluster.observed, configurationVersion } };
  const nodes = addresses.map((address, index) =>
    cacheNode({ incarnation: `node-${index}`, engine: 'memcached', address, port: 11211 }),
  );
  const own = nodes.map(({ address, incarnation }, index) =>
    endpoint({ address, purpose: 'node', nodeIncarnation: incarnation, dnsName: `pages.000${index + 1}` }),
  );
  const configuration = endpoint({ address: '127.1.9.9', port: 11211, purpose: 'configuration' });
  return { cache, clusters: [cache], nodeGroups: [], nodes, endpoints: [...own, configuration] };
}

const published = (version: number, dnsZone: string | null = null): EndpointConfiguration =>
  nodeListOf(viewOf(version), version, dnsZone)!;
const hostsOf = (list: EndpointConfiguration | null) => list?.nodes.map(({ host }) => host);

describe('the list of a Memcached cache', () => {
  it('has names where DNS serves them, else addresses', () => {
    assert.deepEqual(hostsOf(published(1)), addresses);
    assert.deepEqual(hostsOf(published(1, zone)), ['pages.0001.cache.test', 'pages.0002.cache.test']);
  });

  it('is left alone when it is right', () => {
    assert.equal(correctedList(viewOf(3), published(3), null), null);
    assert.equal(correctedList(viewOf(3), published(3, zone), zone), null);
  });

  it('gets its next version when the names of its nodes are others now', () => {
    const named = correctedList(viewOf(3), published(3), zone);
    assert.deepEqual([named?.version, hostsOf(named)], [4, hostsOf(published(4, zone))]);
    const bare = correctedList(viewOf(4), published(4, zone), null);
    assert.deepEqual([bare?.version, hostsOf(bare)], [5, addresses]);
  });

  it('never takes a version that may have been served: neither the published one nor the recorded one', () => {
    assert.equal(correctedList(viewOf(5), published(3), zone)?.version, 6);
    assert.equal(correctedList(viewOf(3), published(5), zone)?.version, 6);
  });

  it('keeps the nodes that it lists: who comes and who goes is an operation’s business', () => {
    const one = { ...published(1), nodes: published(1).nodes.slice(0, 1) };
    assert.equal(correctedList(viewOf(1), one, null), null);
    assert.deepEqual(hostsOf(correctedList(viewOf(1), one, zone)), ['pages.0001.cache.test']);
    const gone = { ...one, nodes: [{ host: '127.1.0.9', ip: '127.1.0.9', port: 11211 }] };
    assert.equal(correctedList(viewOf(1), gone, zone), null);
  });

  it('gets the form that its tag asks for, and keeps its version; what is no form is none', () => {
    const asks = (value: string) => viewOf(2, [{ key: 'limber:discovery', value }]);
    const next = correctedList(asks('key'), published(2), null);
    assert.deepEqual([next?.form, next?.version], ['key', 2]);
    assert.equal(correctedList(viewOf(2), next, null)?.form, 'config');
    assert.equal(correctedList(asks('tea'), published(2), null), null);
  });

  it('is written anew with its next version when it is missing, but not before the cache was made', () => {
    assert.equal(correctedList(viewOf(2), null, null)?.version, 3);
    assert.equal(correctedList(viewOf(0), null, null), null);
  });
});
