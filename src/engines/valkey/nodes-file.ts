/**
 * `nodes.conf`, in which a cluster node keeps its id, its slots and whom it knows. The engine writes it by itself. A bad
 * one ends Redis 7.0 and Valkey 8.0 at once and crashes Valkey 8.1 and 9, so it is looked at before a start.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { slotCount } from '../../model/slots.ts';
import type { Files } from '../../platform/files.ts';

export const nodesFileName = 'nodes.conf';

/**
 * `missing`: there is none, or an empty one: the engine makes a new id. `leadsSince`: the epoch in which the node got the
 * slots that it comes back with; null when it has none. `problem`: what is wrong, for people.
 */
export type NodesFileState =
  | { readonly kind: 'missing' }
  | { readonly kind: 'fine'; readonly leadsSince: number | null }
  | { readonly kind: 'damaged'; readonly problem: string };

/** `directory`: the node's data directory. */
export async function nodesFileState(files: Files, directory: string): Promise<NodesFileState> {
  let text: string;
  try {
    text = await files.read(join(directory, nodesFileName));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { kind: 'missing' };
    if (code === 'EISDIR') return { kind: 'damaged', problem: `${nodesFileName} is a folder` };
    if (code === 'EACCES') return { kind: 'damaged', problem: `${nodesFileName} must not be read` };
    throw error;
  }
  if (text === '') return { kind: 'missing' };
  const problem = findProblem(text);
  return problem === null
    ? { kind: 'fine', leadsSince: epochOfSlots(text) }
    : { kind: 'damaged', problem: `${nodesFileName}: ${problem}` };
}

/** A line for each node as in CLUSTER NODES; last of all `vars`, so that a file which was cut off lacks it. */
function findProblem(text: string): string | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const nodes = lines.filter((line) => !line.startsWith('vars '));
  const wrong = nodes.find((line) => !isNodeLine(line.trim().split(' ')));
  if (wrong !== undefined) return `a line cannot be read: ${JSON.stringify(wrong.slice(0, 60))}`;
  if (nodes.filter((line) => flagsOf(line).includes('myself')).length !== 1)
    return 'it does not say which node it is of';
  return lines.some((line) => /^vars currentEpoch \d+/.test(line)) ? null : 'its end is missing';
}

/** Of the node's own line, when it has slots. */
function epochOfSlots(text: string): number | null {
  const own = text.split('\n').find((line) => !line.startsWith('vars ') && flagsOf(line).includes('myself'));
  const [, , , , , , epoch = '0', , ...slots] = own?.trim().split(' ') ?? [];
  return slots.some((slot) => !slot.startsWith('[')) ? Number(epoch) : null;
}

/**
 * The port of a node that does not exist, at the address of one that is to lead again: nobody but root could listen there.
 * Nothing else of Limber's has it.
 */
export const ghostPort = 1;

/**
 * The file of a primary, changed so that the node comes up as a replica of one that does not exist (its ghost), with
 * everything else as it was; null when it is no such file, or was changed already. A primary refuses writes for 2 s after its
 * boot (CLUSTER_WRITABLE_DELAY); a replica that takes over does not. The ghost's id follows from the node's.
 */
export function asReplicaOfGhost(text: string): string | null {
  const lines = text.split('\n');
  const self = lines.find((line) => flagsOf(line).includes('myself'));
  const [id = '', where = '', flags = '', , ping, pong, epoch, link, ...slots] =
    self?.trim().split(' ') ?? [];
  const isPrimary = flags.split(',').includes('master');
  // Slots on their way are written into the line of the node itself alone.
  if (!self || !isPrimary || slots.length === 0 || slots.some((one) => one.startsWith('['))) return null;
  const ghost = createHash('sha1').update(`ghost of ${id}`).digest('hex');
  const [, address, extras] = /^(.*):\d+(?:@\d+)?(.*)$/.exec(where) ?? [];
  if (address === undefined || address === '') return null;
  const own = [id, where, flags.replace('master', 'slave'), ghost, ping, pong, epoch, link].join(' ');
  // With TLS the port stands here: with its own the node would replicate from itself.
  const ports = extras?.replace(/\b((?:tls|tcp)-port)=[1-9]\d*/g, `$1=${ghostPort}`) ?? '';
  const of = `${ghost} ${address}:${ghostPort}@${ghostPort}${ports} master - 0 0 ${epoch} disconnected ${slots.join(' ')}`;
  return lines
    .filter((line) => !line.startsWith(ghost))
    .flatMap((line) => (line === self ? [of, own] : [line]))
    .join('\n');
}

const flagsOf = (line: string): readonly string[] => (line.split(' ')[2] ?? '').split(',');

function isNodeLine(fields: readonly string[]): boolean {
  const [id = '', where = '', , primary = '', ping = '', pong = '', epoch = '', link = '', ...slots] = fields;
  return (
    /^[0-9a-f]{40}$/.test(id) &&
    /^\S*:\d+/.test(where) &&
    /^(-|[0-9a-f]{40})$/.test(primary) &&
    [ping, pong, epoch].every((number) => /^\d+$/.test(number)) &&
    /^(dis)?connected$/.test(link) &&
    slots.every(isSlots)
  );
}

function isSlots(text: string): boolean {
  if (text.startsWith('[')) return true; // being moved
  const [, start, end = start] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  return start !== undefined && Number(start) <= Number(end) && Number(end) < slotCount;
}
