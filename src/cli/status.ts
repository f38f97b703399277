import { styleText } from 'node:util';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { createProcessRuntime } from '../runtime/process/process-runtime.ts';
import { type CacheStatus, connectAdmin, type LimberStatus } from './admin-client.ts';
import { dataOption, readArguments, readDataDirectory } from './arguments.ts';
import { limberCommand } from './command-line.ts';
import { concernOf, describeOperation } from './operation-lines.ts';
import { findLimber, type StartRecord } from './start-record.ts';

export const usage = `Usage: limber status [--json] [--data DIR]

Shows whether Limber runs, its caches, and what it is waiting for. Exit code 3: it is not running.`;

const notRunning = 3; // as `systemctl status` and the LSB say it

export async function run(argv: string[]): Promise<number> {
  const { values } = readArguments(argv, { ...dataOption, json: { type: 'boolean' } });
  const dataDirectory = readDataDirectory(values.data);
  const admin = await connectAdmin(dataDirectory);
  if (!admin) {
    const { record } = await findLimber(dataDirectory);
    const nodes = record ? await countNodes(dataDirectory) : 0;
    if (values.json) console.log(JSON.stringify({ running: false, dataDirectory, nodes }, null, 2));
    else console.log(describeStopped(dataDirectory, record, nodes));
    return notRunning;
  }
  const status = await admin.call('status', {});
  if (values.json) {
    const url = `http://127.0.0.1:${admin.port}`;
    console.log(JSON.stringify({ running: true, url, port: admin.port, ...status }, null, 2));
  } else console.log(describe(status, admin.port));
  return 0;
}

async function countNodes(dataDirectory: string): Promise<number> {
  const runtime = createProcessRuntime({ dataDirectory, clock: systemClock, log: silentLog });
  return (await runtime.findProcesses()).size;
}

function describeStopped(dataDirectory: string, record: StartRecord | null, nodes: number): string {
  const start = `To start it: ${limberCommand(dataDirectory, 'up')}`;
  if (!record)
    return `Limber is not running, and never has with the data directory ${dataDirectory}. ${start}`;
  const nodesText = nodes === 1 ? '1 cache node runs on' : `${nodes} cache nodes run on`;
  return `Limber is not running (${dataDirectory}); ${nodes === 0 ? 'no cache node runs' : nodesText}. ${start}`;
}

function describe(status: LimberStatus, port: number): string {
  const since = new Date(status.startedAt).toISOString().slice(0, 19).replace('T', ' ');
  const unsettled = status.shards.filter((shard) => !shard.isSettled);
  return [
    `Limber ${status.version} serves at http://127.0.0.1:${port} (pid ${status.pid}, since ${since} UTC)`,
    `data ${status.dataDirectory}, addresses ${status.pool}`,
    '',
    ...(status.caches.length === 0 ? ['No caches yet.'] : cacheTable(status.caches)),
    ...section('Under way:', [
      ...status.operations.map(describeOperation),
      ...unsettled.map(
        ({ cache, nodeGroupId, sentence }) => `${cache} ${nodeGroupId}: ${sentence ?? 'in work'}`,
      ),
    ]),
    ...section('Needs a look:', [
      ...status.operations.flatMap(concernOf),
      ...status.shards.flatMap(({ concern }) => concern ?? []),
      ...status.passwordless.map((id) => `${id} has an AUTH token, and lets clients in without it`),
      ...status.undelivered,
      ...status.findings,
    ]),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function cacheTable(caches: readonly CacheStatus[]): string[] {
  const rows = caches.map((cache) => [
    cache.id,
    engineOf(cache),
    cache.status,
    String(cache.nodes),
    cache.region,
    endpointOf(cache),
  ]);
  const header = ['CACHE', 'ENGINE', 'STATUS', 'NODES', 'REGION', 'ENDPOINT'];
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [styleText('bold', line(header), { stream: process.stdout }), ...rows.map(line)];
}

function engineOf({ engine, version, standsInFor }: CacheStatus): string {
  const runs = [engine, version].filter(Boolean).join(' ');
  return standsInFor === null ? runs : `${runs} for ${standsInFor}`;
}

/** The endpoint that applications are given: the configuration or primary endpoint, else the node's own. */
function endpointOf({ endpoints, members }: CacheStatus): string {
  const order = ['configuration', 'primary', 'reader'];
  const [best] = [...endpoints].sort((a, b) => order.indexOf(a.purpose) - order.indexOf(b.purpose));
  if (best) return `${best.address}:${best.port} (${best.purpose})`;
  const [node] = members;
  return node ? `${node.address}:${node.port}` : '-';
}
