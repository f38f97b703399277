/** What the nodes of a cluster say about it: typed parses of CLUSTER NODES, SLOTS and INFO. */
import type { SlotRange } from '../../model/slots.ts';
import type { EngineConnection } from './client.ts';
import type { NodeAddress } from './config-file.ts';
import { EngineReplyError, EngineTimeout, EngineUnreachable } from './engine-errors.ts';
import { parseInfo } from './info.ts';

/** A line of CLUSTER NODES. */
export interface ClusterMember extends NodeAddress {
  readonly id: string;
  readonly busPort: number;
  readonly isMyself: boolean;
  readonly role: 'primary' | 'replica';
  /** Of a replica: the id of its primary. */
  readonly primaryId: string | null;
  /** `suspected`: this node alone cannot reach it. `failed`: a majority agreed. `joining`: its id is still a made-up one. */
  readonly health: 'fine' | 'suspected' | 'failed' | 'joining' | 'no-address';
  /** The bus link from this node to it. */
  readonly isConnected: boolean;
  readonly epoch: number;
  /** Without those being moved, which stay with their owner until the end. */
  readonly slots: readonly SlotRange[];
}

/** What one node says of its cluster. */
export interface ClusterView {
  readonly id: string;
  /** `cluster_state`: a node serves keys only when it says ok. */
  readonly isOk: boolean;
  readonly currentEpoch: number;
  /** Bytes of the replication stream, as in `EngineInfo`. */
  readonly offset: number;
  /** Of a replica: its first sync is over, and it follows. */
  readonly isLinked: boolean;
  readonly members: readonly ClusterMember[];
  /** CLUSTER SLOTS, by which clients go. Replicas appear in it only once their offset has spread. */
  readonly served: readonly ServedRange[];
}

interface ServedRange extends SlotRange {
  /** The primary first. */
  readonly nodes: readonly (NodeAddress & { readonly id: string })[];
}

/** The view of one node; null when it does not answer now, or answers with an error. */
export async function readClusterView(connection: EngineConnection): Promise<ClusterView | null> {
  try {
    const [nodes, info, slots, replication] = await connection.pipeline([
      ['CLUSTER', 'NODES'],
      ['CLUSTER', 'INFO'],
      ['CLUSTER', 'SLOTS'],
      ['INFO', 'replication'],
    ]);
    if ([nodes, info, slots, replication].some((reply) => reply instanceof EngineReplyError)) return null;
    const members = parseClusterNodes(String(nodes));
    const { offset, upstream } = parseInfo(String(replication));
    const fields = new Map(
      String(info)
        .split('\r\n')
        .map((line) => line.split(':') as [string, string]),
    );
    return {
      id: members.find((member) => member.isMyself)?.id ?? '',
      isOk: fields.get('cluster_state') === 'ok',
      currentEpoch: Number(fields.get('cluster_current_epoch') ?? 0),
      offset,
      isLinked: upstream?.isUp ?? false,
      members,
      served: parseClusterSlots(slots),
    };
  } catch (error) {
    if (error instanceof EngineUnreachable || error instanceof EngineTimeout) return null;
    throw error;
  }
}

/** Whom the node knows, itself among them. Throws what `call` throws. */
export async function readMembers(connection: EngineConnection): Promise<ClusterMember[]> {
  return parseClusterNodes(String(await connection.call('CLUSTER', 'NODES')));
}

/** The highest epoch that the node has heard of, and that of its slots: a replica's are its primary's. */
export async function readEpochs(connection: EngineConnection): Promise<{ current: number; own: number }> {
  const info = String(await connection.call('CLUSTER', 'INFO'));
  const field = (name: string) => Number(new RegExp(`^cluster_${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { current: field('current_epoch'), own: field('my_epoch') };
}

/** From CLUSTER INFO: another one when nodes come or go, slots move, or somebody has a new epoch. */
export const changeSign = (info: string): string =>
  (info.match(/^cluster_(state|slots_assigned|known_nodes|size|current_epoch|my_epoch):.*$/gm) ?? []).join(
    ' ',
  );

/** `<id> <ip:port@bus[,hostname[,…]]> <flags> <primary id|-> <ping> <pong> <epoch> <link> <slots …>` */
export function parseClusterNodes(text: string): ClusterMember[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [id = '', where = '', flagList = '', primary = '-', , , epoch = '0', link = '', ...slots] = line
        .trim()
        .split(' ');
      const flags = flagList.split(',');
      const [, address = '', port = '0', busPort = '0'] = /^(.*):(\d+)@(\d+)/.exec(where) ?? [];
      return {
        id,
        address,
        port: Number(port),
        busPort: Number(busPort),
        isMyself: flags.includes('myself'),
        role: flags.includes('slave') || flags.includes('replica') ? 'replica' : 'primary',
        primaryId: primary === '-' ? null : primary,
        health: healthOf(flags),
        isConnected: link === 'connected',
        epoch: Number(epoch),
        slots: slots.filter((slot) => !slot.startsWith('[')).map(parseRange),
      };
    });
}

function healthOf(flags: readonly string[]): ClusterMember['health'] {
  if (flags.includes('handshake')) return 'joining';
  if (flags.includes('noaddr')) return 'no-address';
  if (flags.includes('fail')) return 'failed';
  return flags.includes('fail?') ? 'suspected' : 'fine';
}

function parseRange(text: string): SlotRange {
  const [start = '0', end = start] = text.split('-');
  return { start: Number(start), end: Number(end) };
}

function parseClusterSlots(reply: unknown): ServedRange[] {
  return (reply as [number, number, ...[string, number, string][]][]).map(([start, end, ...nodes]) => ({
    start,
    end,
    nodes: nodes.map(([address, port, id]) => ({ address, port, id })),
  }));
}
