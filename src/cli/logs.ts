import { setTimeout as delay } from 'node:timers/promises';
import { connectAdmin } from './admin-client.ts';
import { CommandFailed, dataOption, readArguments, readDataDirectory, UsageError } from './arguments.ts';
import { limberCommand } from './command-line.ts';

export const usage = `Usage: limber logs NAME [--slow] [--follow] [--lines N] [--json] [--region REGION] [--data DIR]

Shows what the nodes of a Valkey or Redis cache have logged, or one of them: its own log, or with --slow the commands
that were slow (without keys and values). In ElastiCache's forms, the oldest first; the last 100 lines, or --lines.

  limber logs orders                       every node of the cache
  limber logs orders-0001-002 --follow     one node, and what comes, until Ctrl-C
  limber logs orders --slow --json         one JSON object a line`;

const intervalMs = 1_000;

export async function run(argv: string[]): Promise<number> {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  const options = { ...dataOption, slow: flag, follow: flag, json: flag, lines: text, region: text };
  const { values, positionals } = readArguments(argv, options, 1);
  const [name] = positionals;
  if (name === undefined) throw new UsageError('name the cache, or one of its nodes');
  const lines = readLines(values.lines ?? '100');
  const dataDirectory = readDataDirectory(values.data);
  const admin = await connectAdmin(dataDirectory);
  if (!admin)
    throw new CommandFailed(`Limber is not running. To start it: ${limberCommand(dataDirectory, 'up')}`);
  const request = {
    name,
    ...(values.region === undefined ? {} : { region: values.region }),
    logType: values.slow ? 'slow-log' : 'engine-log',
    format: values.json ? 'json' : 'text',
  } as const;
  const told = new Set<string>();
  let positions = {};
  for (let isFirst = true; isFirst || values.follow; isFirst = false) {
    if (!isFirst) await delay(intervalMs);
    const answer = await admin.call('logs', { ...request, positions });
    positions = answer.positions;
    for (const { node, reason } of answer.silent)
      if (!told.has(node)) console.error(`limber: ${node} does not give its log now: ${reason}`);
    for (const { node } of answer.silent) told.add(node);
    for (const event of isFirst ? answer.events.slice(-lines) : answer.events) console.log(event.text);
  }
  return 0;
}

function readLines(text: string): number {
  const lines = Number(text);
  if (!/^\d+$/.test(text) || lines === 0 || lines > 10_000)
    throw new UsageError(`--lines ${JSON.stringify(text)}: expected a number from 1 to 10000`);
  return lines;
}
