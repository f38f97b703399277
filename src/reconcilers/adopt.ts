/**
 * Adoption at the start of Limber: every node's process is found again, and only then it is judged what is dead. Nothing is restarted or
 * killed here, and what no record names is reported, never touched.
 */

import type { Fleet } from '../fleet/fleet.ts';
import { nodePages } from '../fleet/node-pages.ts';
import { updateNode } from '../fleet/start-node.ts';
import { type CacheNode, type NodeHandle, processName } from '../model/node.ts';
import { faultPoint } from '../platform/fault-points.ts';
import { keyText, type ShardKey } from './shard/context.ts';

interface Adoption {
  /** Shards that have nodes here. */
  readonly keys: readonly ShardKey[];
  readonly adopted: number;
  /** For people: processes and directories that no record names. */
  readonly findings: readonly string[];
}

type AdoptionParts = Pick<Fleet, 'store' | 'runtime' | 'host'>;

export async function adoptNodes(fleet: AdoptionParts): Promise<Adoption> {
  const processes = await fleet.runtime.findProcesses();
  const keys = new Map<string, ShardKey>();
  const findings: string[] = [];
  const known = new Set<string>();
  let adopted = 0;
  for await (const page of nodePages(fleet)) {
    for (const node of page) {
      known.add(node.incarnation);
      if (await adopt(fleet, node, processes.get(node.incarnation) ?? [], findings)) adopted += 1;
      const key: ShardKey = {
        cacheKind: node.replicationGroupId === null ? 'cache-cluster' : 'replication-group',
        cacheIncarnation: node.cacheIncarnation,
        nodeGroupId: node.nodeGroupId,
      };
      keys.set(keyText(key), key);
    }
  }
  for (const [incarnation, handles] of processes)
    for (const handle of handles) fleet.runtime.followOutput(incarnation, handle);
  for (const [incarnation, handles] of processes)
    if (!known.has(incarnation))
      findings.push(
        `${handles.map(processName).join(', ')} runs for node ${incarnation}, which no record names; it was left alone`,
      );
  for (const incarnation of await fleet.runtime.findDirectories())
    if (!known.has(incarnation))
      findings.push(
        `directory ${fleet.runtime.directoryOf(incarnation)} belongs to no recorded node; it was left alone`,
      );
  return { keys: [...keys.values()], adopted, findings };
}

/** True when the node's process lives. A process that was spawned and never recorded is recorded now. */
async function adopt(
  fleet: AdoptionParts,
  node: CacheNode,
  found: readonly NodeHandle[],
  findings: string[],
): Promise<boolean> {
  const isRecorded = node.handle !== null && isAlive(fleet, node.handle);
  if (found.length > 1)
    findings.push(
      `node ${node.cacheClusterId} (${node.incarnation}) has ${found.length} processes: ${found.map(processName).join(', ')}; end all but the right one`,
    );
  if (!isRecorded && found.length === 1 && node.intent !== 'deleted') {
    const [handle] = found as [NodeHandle];
    // The process was given what was the node's target right before. `apply-config` looks whether that has changed since.
    await updateNode(fleet, node.incarnation, (row) => ({
      ...row,
      ...{ handle, started: row.target, applied: null, synced: false },
      ...(isToServeAgain(row) ? { intent: 'running' } : {}),
    }));
    faultPoint('adopt:recorded');
    return true;
  }
  if (isToServeAgain(node)) {
    await updateNode(fleet, node.incarnation, (row) => ({ ...row, intent: 'running' }));
    return false;
  }
  return isRecorded;
}

/** The node was stopped together with Limber (`limber down --caches`): it is to serve again now. */
const isToServeAgain = ({ intent, status }: CacheNode): boolean =>
  intent === 'stopped' && status !== 'create-failed';

function isAlive(fleet: AdoptionParts, handle: NodeHandle): boolean {
  const { kind } = fleet.runtime.inspect(handle);
  return kind === 'running' || kind === 'stopped';
}
