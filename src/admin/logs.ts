/** The admin route `logs`: what nodes have logged, read as log delivery reads it, whether or not somebody has asked for that. */
import type { ActionContext } from '../actions/action.ts';
import type { Fleet } from '../fleet/fleet.ts';
import {
  type LogDelivery,
  type LogEvent,
  type LogType,
  logFormats,
  logTypes,
} from '../model/log-delivery.ts';
import type { CacheNode } from '../model/node.ts';
import { invalidValue, ServiceError } from '../model/service-errors.ts';
import { endOfEngineLog, engineLogSource } from '../reconcilers/log-delivery/engine-log-source.ts';
import { slowLogSource } from '../reconcilers/log-delivery/slow-log-source.ts';
import type { LogPosition } from '../reconcilers/log-delivery/source.ts';
import { cacheIdOf } from './fault-targets.ts';
import { livingNodes } from './living-nodes.ts';

interface LogsAnswer {
  /** The oldest first. */
  readonly events: readonly LogEvent[];
  /** By node: what the next call goes on after. */
  readonly positions: Readonly<Record<string, LogPosition>>;
  /** Nodes that do not give their log now. */
  readonly silent: readonly { readonly node: string; readonly reason: string }[];
}

interface Asked {
  readonly name: string;
  readonly region: string | undefined;
  readonly delivery: LogDelivery;
  readonly positions: Readonly<Record<string, LogPosition>>;
}

/** `{ name, region?, logType, format, positions? }`. */
export function createLogsRoute(fleet: Fleet) {
  const sources = { 'slow-log': slowLogSource(fleet.connections), 'engine-log': engineLogSource(fleet) };

  async function read(node: CacheNode, { delivery, positions }: Asked) {
    const key = nodeKey(node);
    const known = positions[key];
    const isEngineLog = delivery.logType === 'engine-log';
    const begin = known || !isEngineLog ? (known ?? null) : await endOfEngineLog(fleet.runtime, node);
    const { events, next } = await sources[delivery.logType](node, delivery, begin);
    return { key, events, next };
  }

  return async (body: unknown, context: Pick<ActionContext, 'account'>): Promise<LogsAnswer> => {
    const asked = parse(body);
    const nodes = choose(
      (await livingNodes(fleet)).filter(({ account }) => account === context.account),
      asked,
    );
    const results = await Promise.allSettled(nodes.map((node) => read(node, asked)));
    const parts = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const silent = results.flatMap((result, index) =>
      result.status === 'rejected'
        ? [{ node: nodeKey(nodes[index] as CacheNode), reason: (result.reason as Error).message }]
        : [],
    );
    return {
      events: parts.flatMap(({ events }) => events).sort((a, b) => a.at - b.at),
      positions: { ...asked.positions, ...Object.fromEntries(parts.map(({ key, next }) => [key, next])) },
      silent,
    };
  };
}

const nodeKey = ({ cacheClusterId, cacheNodeId }: CacheNode): string => `${cacheClusterId}/${cacheNodeId}`;

function parse(body: unknown): Asked {
  const { name, region, logType, format, positions = {} } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string') throw invalidValue('logs needs the name of a cache or of a node.');
  const delivery: LogDelivery = {
    logType: logTypes.find((one): one is LogType => one === logType) ?? 'engine-log',
    format: logFormats.find((one) => one === format) ?? 'text',
    destinationType: 'cloudwatch-logs',
    destination: '',
    since: 0,
  };
  return {
    name: name.toLowerCase(),
    region: typeof region === 'string' ? region : undefined,
    delivery,
    positions: positions as Asked['positions'],
  };
}

/** All nodes of a cache, or one. */
function choose(nodes: readonly CacheNode[], { name, region }: Asked): readonly CacheNode[] {
  const named = nodes.filter(
    (node) =>
      (region === undefined || node.region === region) &&
      [cacheIdOf(node), node.cacheClusterId, nodeKey(node)].includes(name),
  );
  const caches = [...new Set(nodes.map(cacheIdOf))].sort();
  if (named.length === 0)
    throw new ServiceError(
      'CacheClusterNotFound',
      `There is no cache or node ${name} here. ${caches.length > 0 ? `There is: ${caches.join(', ')}.` : ''}`,
    );
  const regions = [...new Set(named.map((node) => node.region))].sort();
  if (regions.length > 1)
    throw invalidValue(`${name} is in several regions: ${regions.join(', ')}. Say which one is meant.`);
  if (named.some(({ engine }) => engine === 'memcached'))
    throw invalidValue(`${name} runs memcached, whose nodes have no such logs.`);
  return named;
}
