/** What Limber says when it serves: where, and what to do next. */
import { styleText } from 'node:util';
import { version } from '../platform/version.ts';
import { connectAdmin, type LimberStatus } from './admin-client.ts';
import { limberCommand } from './command-line.ts';
import { logPath } from './log-file.ts';

interface Serving {
  readonly port: number;
  readonly dataDirectory: string;
  readonly pool: string;
  readonly dnsZone: string | null;
  readonly dnsPort: number | null;
  readonly isInForeground: boolean;
}

export async function welcome(serving: Serving): Promise<string> {
  const { port, dataDirectory, pool, dnsZone, dnsPort, isInForeground } = serving;
  const url = `http://127.0.0.1:${port}`;
  const caches = await countCaches(dataDirectory);
  const facts = [
    ['data', dataDirectory],
    ['addresses', pool],
    ...(dnsZone === null ? [] : [['names', `in ${dnsZone}, DNS at 127.0.0.1:${dnsPort} (UDP and TCP)`]]),
    ...(isInForeground ? [] : [['log', logPath(dataDirectory)]]),
    ...(caches.total === 0 ? [] : [['caches', cacheSentence(caches)]]),
  ];
  return [
    `${bold(`Limber ${version}`)} serves ElastiCache's API at ${bold(url)}`,
    '',
    ...facts.map(([name = '', value]) => `  ${name.padEnd(10)} ${value}`),
    '',
    ...(caches.total === 0 ? firstSteps(serving, url) : laterSteps(dataDirectory)),
    '',
    isInForeground
      ? dim('Ctrl-C stops Limber; caches go on.')
      : dim(`${limberCommand(dataDirectory, 'down')} stops Limber; caches go on.`),
  ].join('\n');
}

function firstSteps({ dataDirectory, isInForeground }: Serving, url: string): string[] {
  return [
    isInForeground ? 'Next, in another terminal:' : 'Next:',
    '',
    `  eval "$(${limberCommand(dataDirectory, 'env')})"`,
    '  aws elasticache create-replication-group --replication-group-id orders \\',
    '      --replication-group-description demo --engine valkey --cache-node-type cache.t4g.small \\',
    '      --num-node-groups 3 --replicas-per-node-group 1 --automatic-failover-enabled',
    '  aws elasticache wait replication-group-available --replication-group-id orders',
    `  ${limberCommand(dataDirectory, 'connect orders')}`,
    '',
    dim(`An AWS CLI older than 2.13 (1.29) also needs --endpoint-url ${url}`),
  ];
}

function laterSteps(dataDirectory: string): string[] {
  return [
    `  eval "$(${limberCommand(dataDirectory, 'env')})"   ${dim('for the AWS CLI, SDKs and Terraform')}`,
    `  ${limberCommand(dataDirectory, 'status')}   ${dim('shows the caches')}`,
  ];
}

interface CacheCount {
  readonly total: number;
  readonly available: number;
}

/** How many caches there are, asked as any client asks. A failure counts as none: a banner is not worth an error. */
async function countCaches(dataDirectory: string): Promise<CacheCount> {
  try {
    const status: LimberStatus | undefined = await (await connectAdmin(dataDirectory))?.call('status', {});
    const caches = status?.caches ?? [];
    return { total: caches.length, available: caches.filter((one) => one.status === 'available').length };
  } catch {
    return { total: 0, available: 0 };
  }
}

function cacheSentence({ total, available }: CacheCount): string {
  const caches = total === 1 ? '1 cache' : `${total} caches`;
  return total === available ? `${caches}, available` : `${caches}, ${available} of them available`;
}

function bold(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

function dim(text: string): string {
  return styleText('dim', text, { stream: process.stdout });
}
