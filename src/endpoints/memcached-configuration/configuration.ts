/** What one configuration endpoint serves: the content of its state file, written by Limber, read by the server. */
import { isIP } from 'node:net';

/** A cache node as clients are told of it, and as the server reaches it. */
export interface ListedNode {
  /** What clients connect to: a DNS name, or the address where there is no DNS. */
  readonly host: string;
  /** The node's address. The empty string is printed as such (`host||port`), and `host` is then resolved. */
  readonly ip: string;
  readonly port: number;
}

/**
 * `config`: the endpoint answers `config get cluster`, as ElastiCache's does. `key`: it presents itself as an engine of before
 * 1.4.14, which knows only the key. Clients find out at the endpoint what to ask the nodes for later, and stock nodes answer the
 * key alone.
 */
export const discoveryForms = ['config', 'key'] as const;
export type DiscoveryForm = (typeof discoveryForms)[number];

export interface EndpointConfiguration {
  /** Where the endpoint listens. */
  readonly address: string;
  readonly port: number;
  /** The list's version: starts at 1, +1 with each node added or removed (behaviour.md §7). */
  readonly version: number;
  readonly nodes: readonly ListedNode[];
  readonly form: DiscoveryForm;
  /** How often each node's discovery key is looked at, milliseconds. AWS restores it within about 15 s. */
  readonly keyRefreshMs: number;
}

export const defaultKeyRefreshMs = 10_000;
export const fileSuffix = '.json';

/** Reads a state file's text. Throws with the name of the field that is wrong. */
export function parseConfiguration(text: string): EndpointConfiguration {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error('expected a JSON object');
  if (!Array.isArray(value.nodes)) throw new Error('nodes: expected a list');
  return {
    address: address(value.address, 'address'),
    port: port(value.port, 'port'),
    version: whole(value.version, 'version', 1, Number.MAX_SAFE_INTEGER),
    nodes: value.nodes.map(listedNode),
    // Files that were written before there was a second form do not name one.
    form: oneOf(discoveryForms, value.form ?? 'config', 'form'),
    // Below 100 ms the keeper would be a load of its own; above 15 s it would miss what AWS promises.
    keyRefreshMs: whole(value.keyRefreshMs ?? defaultKeyRefreshMs, 'keyRefreshMs', 100, 15_000),
  };
}

/** In the order in which clients get them: by host, then by port. */
export function orderedNodes(nodes: readonly ListedNode[]): ListedNode[] {
  const key = (node: ListedNode) => node.host;
  return [...nodes].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.port - b.port));
}

function listedNode(value: unknown, index: number): ListedNode {
  const at = `nodes[${index}]`;
  if (!isRecord(value)) throw new Error(`${at}: expected an object`);
  const host = value.host;
  // A blank, a bar or a line end inside a name would break the list for every client.
  if (typeof host !== 'string' || !/^[\w.:-]{1,253}$/.test(host))
    throw new Error(`${at}.host: not a host name`);
  const ip = value.ip === '' ? '' : address(value.ip, `${at}.ip`);
  return { host, ip, port: port(value.port, `${at}.port`) };
}

function address(value: unknown, name: string): string {
  if (typeof value !== 'string' || isIP(value) === 0) throw new Error(`${name}: expected an IP address`);
  return value;
}

function oneOf<T extends string>(known: readonly T[], value: unknown, name: string): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw new Error(`${name}: expected ${known.join(' or ')}, found ${String(value)}`);
  return found;
}

function port(value: unknown, name: string): number {
  return whole(value, name, 1, 65_535);
}

function whole(value: unknown, name: string, minimum: number, maximum: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < minimum || value > maximum) {
    throw new Error(`${name}: expected a whole number from ${minimum} to ${maximum}, found ${String(value)}`);
  }
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
