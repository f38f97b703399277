/** What the configuration endpoint of a Memcached cache is to serve. Pure. */
import {
  type DiscoveryForm,
  defaultKeyRefreshMs,
  discoveryForms,
  type EndpointConfiguration,
  type ListedNode,
} from '../endpoints/memcached-configuration/configuration.ts';
import type { CacheNode, Endpoint } from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import type { CacheView } from './cache-view.ts';

/** The tag by which a cache asks for a form of discovery: ElastiCache's API has no field for it. */
const discoveryTag = 'limber:discovery';

/** All nodes that are meant to run: names where DNS serves them, else addresses. Null without an endpoint. */
export function nodeListOf(
  view: CacheView,
  version: number,
  dnsZone: string | null,
): EndpointConfiguration | null {
  const endpoint = view.endpoints.find((one) => one.purpose === 'configuration');
  if (!endpoint) return null;
  const listed = view.nodes.filter((node) => node.intent === 'running' || node.intent === 'restarting');
  return {
    address: endpoint.address,
    port: endpoint.port,
    version,
    nodes: listed.map((node) => listedNode(node, view.endpoints, dnsZone)),
    form: formOf(view.cache),
    keyRefreshMs: defaultKeyRefreshMs,
  };
}

/**
 * What should be published instead of `published`, with the same nodes: their names as clients can resolve them now, and the
 * form that the cache asks for now. A list that reads otherwise has its next version, or clients would not look at it. Null
 * when all is well.
 */
export function correctedList(
  view: CacheView,
  published: EndpointConfiguration | null,
  dnsZone: string | null,
): EndpointConfiguration | null {
  const { configurationVersion } = view.cache.observed;
  const version = Math.max(configurationVersion, published?.version ?? 0) + 1;
  // Before its first version a cache is being made, which publishes by itself.
  if (!published) return configurationVersion === 0 ? null : nodeListOf(view, version, dnsZone);
  const nodes = published.nodes.map((listed) => {
    const node = view.nodes.find(({ address, port }) => address === listed.ip && port === listed.port);
    return node ? listedNode(node, view.endpoints, dnsZone) : listed;
  });
  const form = formOf(view.cache);
  if (nodes.some((node, index) => node.host !== published.nodes[index]?.host))
    return { ...published, version, nodes, form };
  return form === published.form ? null : { ...published, form };
}

function formOf({ tags }: Cache): DiscoveryForm {
  const asked = tags.find(({ key }) => key === discoveryTag)?.value;
  return discoveryForms.find((form) => form === asked) ?? 'config';
}

function listedNode(node: CacheNode, endpoints: readonly Endpoint[], dnsZone: string | null): ListedNode {
  const own = endpoints.find((endpoint) => endpoint.nodeIncarnation === node.incarnation);
  const host = dnsZone !== null && own ? `${own.dnsName}.${dnsZone}` : node.address;
  return { host, ip: node.address, port: node.port };
}
