import { readRootCredentials } from '../security/root-credentials.ts';
import { AdminRefused, callAdmin, connectAdmin } from './admin-client.ts';
import { CommandFailed, dataOption, readArguments, readDataDirectory, UsageError } from './arguments.ts';
import { limberCommand } from './command-line.ts';

export const usage = `Usage: limber fault kill|hang|resume|isolate|heal NODE|ZONE [--region REGION] [--all] [--json] [--data DIR]

Breaks a node, or all nodes of an availability zone, as real life does. Limber does not know that it was you, and repairs as always.

  kill      end the process at once (SIGKILL)
  hang      stop it without ending it (SIGSTOP); resume lets it go on
  isolate   let no packet reach it or leave it, until heal; Limber must run as root, with nftables installed
  heal      end the isolation; without NODE or ZONE: of all nodes

NODE is a member (orders-001, orders-0001-002), a single-node cluster, or a node of a Memcached cluster (pages/0002);
ZONE such as us-east-1a. --region decides between nodes of one name; --all takes the nodes of every account.

  limber fault kill orders-001      the primary dies: watch who takes over
  limber fault kill us-east-1a      a whole zone goes down at once`;

/** The answer of `src/admin/fault.ts`. */
interface FaultAnswer {
  readonly fault: Fault;
  readonly target: string | null;
  readonly hit: readonly {
    readonly node: string;
    readonly cache: string;
    readonly region: string;
    readonly account: string;
    readonly zone: string;
    readonly role: 'primary' | 'replica' | null;
    readonly address: string;
    readonly port: number;
    readonly pid: number | null;
    readonly outcome: 'done' | 'unchanged' | 'dead' | 'unknown';
  }[];
}

/** What each fault has done, and what it means that there was nothing to do. */
const faults = {
  kill: { done: 'killed', unchanged: '' },
  hang: { done: 'stopped', unchanged: 'was stopped already' },
  resume: { done: 'goes on', unchanged: 'was not stopped' },
  isolate: { done: 'isolated', unchanged: 'was isolated already' },
  heal: { done: 'healed', unchanged: 'was not isolated' },
} as const;
type Fault = keyof typeof faults;

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = readArguments(
    argv,
    {
      ...dataOption,
      region: { type: 'string' },
      all: { type: 'boolean' },
      json: { type: 'boolean' },
    },
    2,
  );
  const [fault = '', target] = positionals;
  if (!isFault(fault))
    throw new UsageError(
      `${fault === '' ? 'name a fault' : `there is no fault ${JSON.stringify(fault)}`}: ${Object.keys(faults).join(', ')}`,
    );
  if (target === undefined && fault !== 'heal') throw new UsageError(`name the node or zone to ${fault}`);
  const { all = false, region } = values;
  const ask = await connect(readDataDirectory(values.data));
  const answer = await locate(ask, { fault, target, all }, region);
  console.log(values.json ? JSON.stringify(answer, null, 2) : describe(answer));
  return 0;
}

const isFault = (text: string): text is Fault => Object.hasOwn(faults, text);

type Ask = (body: object) => Promise<FaultAnswer>;

async function connect(dataDirectory: string): Promise<Ask> {
  const admin = await connectAdmin(dataDirectory);
  const credentials = await readRootCredentials(dataDirectory);
  if (!admin || !credentials)
    throw new CommandFailed(`Limber is not running. To start it: ${limberCommand(dataDirectory, 'up')}`);
  return (body) => callAdmin(admin.port, credentials, 'fault', body) as Promise<FaultAnswer>;
}

/** The shell's region only decides between nodes of one name, and a zone names its region itself. */
async function locate(ask: Ask, request: object, region: string | undefined): Promise<FaultAnswer> {
  const shellRegion = process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION;
  if (region !== undefined) return await ask({ ...request, region });
  try {
    return await ask(request);
  } catch (error) {
    const isAmbiguous = error instanceof AdminRefused && error.code === 'InvalidParameterCombination';
    if (!isAmbiguous || !shellRegion) throw error;
    return await ask({ ...request, region: shellRegion });
  }
}

function describe({ fault, hit }: FaultAnswer): string {
  if (hit.length === 0) return 'No node was isolated.';
  const rows = hit.map((one) => [
    one.node,
    one.role ?? '-',
    one.zone,
    `${one.address}:${one.port}`,
    result(fault, one),
  ]);
  const width = (column: number) => Math.max(...rows.map((row) => row[column]!.length));
  const line = (row: readonly string[]) =>
    row
      .map((text, column) => text.padEnd(width(column)))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

function result(fault: Fault, { outcome, pid }: FaultAnswer['hit'][number]): string {
  switch (outcome) {
    case 'done':
    case 'unchanged':
      return pid === null ? faults[fault][outcome] : `${faults[fault][outcome]} (pid ${pid})`;
    case 'dead':
      return 'has no process at present';
    case 'unknown':
      return `was killed, but its exit was not seen (pid ${pid})`;
    default:
      return outcome satisfies never;
  }
}
