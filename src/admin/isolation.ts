/**
 * Takes addresses off the network and gives them back: packets from and to them are dropped where they come in, as
 * if a cable were cut: no refusal, no reset, connections stay open and silent. The rules lie in a table of their own,
 * which belongs to all Limbers of the machine; they live in the kernel, survive Limber, and end with the machine.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { invalidValue, ServiceError } from '../model/service-errors.ts';
import { createTurns } from '../platform/turns.ts';

/** An address that is off the network. */
export interface Isolated {
  readonly address: string;
  /** The node that it was isolated for. */
  readonly incarnation: string;
}

export interface Isolation {
  /** Throws `InvalidParameterValue` with what is missing where this machine or process cannot isolate. */
  requireUsable(): Promise<void>;
  /** Of every Limber of this machine; empty where nothing can be isolated. */
  list(): Promise<readonly Isolated[]>;
  /** May be repeated. */
  add(addresses: readonly (Isolated & { readonly name: string })[]): Promise<void>;
  /** Removes exactly these, and the table with the last one. May be repeated. */
  remove(addresses: readonly string[]): Promise<void>;
}

const table = 'ip limber_faults';
const deadlineMs = 5_000;

/** Resolves with what it prints. Throws `ServiceError`. */
type Nft = (args: readonly string[], input?: string) => Promise<string>;

/** `program`: nftables' command line, found in the search path. */
export function createIsolation({ program = 'nft' }: { readonly program?: string } = {}): Isolation {
  const nft: Nft = (args, input) => runNft(program, args, input);
  const list = () => listIsolated(nft);
  /** One change at a time: the table goes with its last address. */
  const turns = createTurns();
  return {
    requireUsable: () => requireUsable(nft),
    list,
    add: (addresses) =>
      turns.take(async () => {
        if (addresses.length > 0) await nft(['-f', '-'], additions(addresses));
      }),
    remove: (addresses) =>
      turns.take(async () => {
        const present = await list();
        const gone = present.filter(({ address }) => addresses.includes(address));
        if (gone.length === 0) return;
        const elements = gone.map(({ address }) => address).join(', ');
        await nft(
          ['-f', '-'],
          gone.length === present.length
            ? `delete table ${table}\n`
            : `delete element ${table} isolated { ${elements} }\n`,
        );
      }),
  };
}

/** All or nothing: nft applies a file as one transaction. The comment says whose an address is after a restart. */
function additions(addresses: readonly (Isolated & { readonly name: string })[]): string {
  const elements = addresses.map(
    ({ address, incarnation, name }) => `${address} comment "${incarnation} ${name}"`,
  );
  return [
    `add table ${table}`,
    `add set ${table} isolated { type ipv4_addr; }`,
    `add chain ${table} incoming { type filter hook input priority -10; policy accept; }`,
    `flush chain ${table} incoming`,
    `add rule ${table} incoming iifname "lo" ip saddr @isolated drop`,
    `add rule ${table} incoming iifname "lo" ip daddr @isolated drop`,
    `add element ${table} isolated { ${elements.join(', ')} }`,
    '',
  ].join('\n');
}

async function listIsolated(nft: Nft): Promise<readonly Isolated[]> {
  if (!mayChangeRules()) return [];
  const tables = await nft(['-j', 'list', 'tables']).catch(() => '{}');
  const hasTable = objects(tables, 'table').some(
    ({ family, name }) => family === 'ip' && name === 'limber_faults',
  );
  if (!hasTable) return [];
  const [set] = objects(await nft(['-j', 'list', 'set', ...table.split(' '), 'isolated']), 'set');
  const elements = (set?.elem ?? []) as readonly { readonly elem?: { val?: string; comment?: string } }[];
  return elements.flatMap(({ elem }) =>
    elem?.val && elem.comment ? [{ address: elem.val, incarnation: elem.comment.split(' ')[0]! }] : [],
  );
}

/** `{"nftables": [{"table": {…}}, …]}`: the objects of one kind. */
function objects(json: string, kind: string): readonly Readonly<Record<string, unknown>>[] {
  const { nftables = [] } = JSON.parse(json) as { nftables?: readonly Record<string, unknown>[] };
  return nftables.flatMap((one) => (one[kind] ? [one[kind] as Record<string, unknown>] : []));
}

async function requireUsable(nft: Nft): Promise<void> {
  if (!mayChangeRules())
    throw invalidValue(
      'Isolating a node changes packet rules of the kernel, and for that Limber must run as root ' +
        `(or with CAP_NET_ADMIN); it runs as user ${process.geteuid?.()}. kill, hang and resume need no such right.`,
    );
  await nft(['-j', 'list', 'tables']);
}

const CAP_NET_ADMIN = 12n; // capabilities(7)

function mayChangeRules(): boolean {
  try {
    const [, effective = '0'] =
      /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** Resolves with what nft prints. The search path has the folders that a service or a plain user may lack. */
function runNft(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/local/sbin` },
      timeout: deadlineMs,
    });
    let [output, complaint] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.on('error', (cause) => reject(missingProgram(cause)));
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else
        reject(
          new ServiceError('ServiceUnavailable', `nft ${args.join(' ')} failed: ${complaint.trim() || code}`),
        );
    });
    child.stdin.on('error', () => {}); // it may end before it has read everything
    child.stdin.end(input);
  });
}

function missingProgram(cause: Error): ServiceError {
  return invalidValue(
    `Isolating a node needs the program nft, which cannot be started here (${cause.message}). ` +
      'On Debian and Ubuntu: apt-get install nftables. kill, hang and resume do without it.',
    { cause },
  );
}
