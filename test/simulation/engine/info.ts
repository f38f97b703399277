/** INFO, ROLE and CLUSTER NODES of a simulated engine, in the engines' own words. */
import { type ClusterState, type Known, myself, slotsOf, votersIn } from './cluster-state.ts';
import type { Engine, Wires } from './engine.ts';

const noHistory = '0'.repeat(40);

export const addressOf = (endpoint: string): { host: string; port: number } => {
  const [host = '', port = '0'] = endpoint.split(':');
  return { host, port: Number(port) };
};

/** A replica that has nothing to continue from says 1. */
const ownOffset = (engine: Engine): number =>
  engine.role === 'replica' && engine.link !== 'up' && !engine.hasCache ? 1 : engine.offset;

export function infoOf(wires: Wires, engine: Engine): string {
  const isReplica = engine.role === 'replica';
  const upstream = addressOf(engine.follows ?? '');
  const replicas = [...wires.all()].filter((one) => one.upstreamPid === engine.pid);
  const lines = [
    ['valkey_version', '8.1.1'],
    ['process_id', engine.pid],
    ['run_id', engine.runId],
    ['uptime_in_seconds', Math.floor((wires.scheduler.now() - engine.bootedAt) / 1000)],
    ['role', isReplica ? 'slave' : 'master'],
    ['cluster_enabled', engine.cluster ? 1 : 0],
    ['loading', engine.link === 'loading' ? 1 : 0],
    ...(isReplica
      ? [
          ['master_host', upstream.host],
          ['master_port', upstream.port],
          ['master_link_status', engine.link === 'up' ? 'up' : 'down'],
          ['master_last_io_seconds_ago', engine.link === 'up' ? 0 : -1],
          ['master_link_down_since_seconds', engine.wasUp ? 1 : -1],
          ['master_sync_in_progress', engine.link === 'transfer' || engine.link === 'loading' ? 1 : 0],
          ['slave_repl_offset', ownOffset(engine)],
        ]
      : []),
    ['connected_slaves', replicas.length],
    ...replicas.map((one, index) => {
      const state = one.link === 'up' ? 'online' : 'wait_bgsave';
      const offset = one.isStreaming ? one.acknowledged : 0;
      return [`slave${index}`, `ip=${one.address},port=${one.port},state=${state},offset=${offset},lag=0`];
    }),
    ['master_replid', engine.replid],
    ['master_replid2', engine.replid2 === '' ? noHistory : engine.replid2],
    ['master_repl_offset', engine.offset],
    ['second_repl_offset', engine.replid2 === '' ? -1 : engine.secondOffset + 1],
    ['used_memory', 1_000_000],
    ['aof_enabled', engine.durability === 'disabled' ? 0 : 1],
    ['aof_rewrite_in_progress', 0],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_bgrewrite_status', 'ok'],
    ['aof_last_write_status', 'ok'],
    ['connected_clients', 1],
    ['maxclients', 65_000],
    ...(engine.data.length > 0 ? [['db0', `keys=${engine.data.length},expires=0,avg_ttl=0`]] : []),
  ];
  return `${lines.map(([name, value]) => `${name}:${value}`).join('\r\n')}\r\n`;
}

export function roleOf(engine: Engine): unknown[] {
  if (engine.role === 'primary') return ['master', engine.offset, []];
  const { host, port } = addressOf(engine.follows ?? '');
  const state = { down: 'connect', transfer: 'sync', loading: 'sync', up: 'connected' }[engine.link];
  return ['slave', host, port, state, ownOffset(engine)];
}

/** The bus link is open, and whoever is there is who it was. */
export function isLinked(wires: Wires, { endpoint, id }: Known): boolean {
  const living = wires.at(endpoint);
  return living?.condition === 'running' && living.cluster?.id === id;
}

export function nodesOf(wires: Wires, cluster: ClusterState, timeoutMs: number): string {
  const line = (one: Known): string => {
    const { host, port } = addressOf(one.endpoint);
    const isSelf = one.id === cluster.id;
    const isDown = !isSelf && wires.downFor(one.endpoint) >= timeoutMs;
    const flags = [
      ...(isSelf ? ['myself'] : []),
      one.role === 'primary' ? 'master' : 'slave',
      ...(isDown ? ['fail'] : []),
    ].join(',');
    const ranges = slotsOf(cluster, one.id).map(({ start, end }) =>
      start === end ? `${start}` : `${start}-${end}`,
    );
    const link = isSelf || isLinked(wires, one) ? 'connected' : 'disconnected';
    const where = `${host}:${port}@${port + 10_000}`;
    return [one.id, where, flags, one.primaryId ?? '-', 0, 0, one.epoch, link, ...ranges].join(' ');
  };
  return `${[...cluster.known.values()].map(line).join('\n')}\n`;
}

export function clusterInfoOf(cluster: ClusterState): string {
  const lines = [
    ['cluster_state', cluster.isOk ? 'ok' : 'fail'],
    ['cluster_known_nodes', cluster.known.size],
    ['cluster_size', votersIn(cluster).length],
    ['cluster_current_epoch', cluster.currentEpoch],
    ['cluster_my_epoch', myself(cluster).epoch],
  ];
  return `${lines.map(([name, value]) => `${name}:${value}`).join('\r\n')}\r\n`;
}

export function clusterSlotsOf(cluster: ClusterState): unknown[] {
  const entry = ({ endpoint, id }: Known) => {
    const { host, port } = addressOf(endpoint);
    return [host, port, id, []];
  };
  return cluster.owned.flatMap(({ start, end, id }) => {
    const owner = cluster.known.get(id);
    if (!owner) return [];
    const replicas = [...cluster.known.values()].filter((one) => one.primaryId === id && one.hasOffset);
    return [[start, end, entry(owner), ...replicas.map(entry)]];
  });
}
