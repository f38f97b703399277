import { trustPath } from '../security/certificates/authority-file.ts';
import { type AdminClient, AdminRefused, type ConnectAnswer, connectAdmin } from './admin-client.ts';
import { CommandFailed, dataOption, readArguments, readDataDirectory, UsageError } from './arguments.ts';
import { limberCommand } from './command-line.ts';
import { talkToMemcached } from './memcached-lines.ts';

export const usage = `Usage: limber connect NAME [--region REGION] [--data DIR] [-- ARGUMENTS]

Opens the engine's own cli, connected to the cache's endpoint: a replication group, one of its members, or a cache
cluster. Memcached, which has no cli, gets a plain line-mode one. What stands after -- goes to the cli:

  limber connect orders                      a prompt
  limber connect orders -- SET greeting hi   one command
  echo PING | limber connect orders          commands from a pipe

A cache with an AUTH token: the environment variable REDISCLI_AUTH has it, else the cli asks.`;

const namesNote = `Note: AWS's Memcached clients (Java, PHP, .NET) discover nodes only at a name that contains .cfg.; at an address they
use one node and say nothing. \`limber up --dns ZONE\` shows names (docs/dns.md).`;

export async function run(argv: string[]): Promise<number> {
  const end = argv.indexOf('--');
  const ours = end < 0 ? argv : argv.slice(0, end);
  const theirs = end < 0 ? [] : argv.slice(end + 1);
  const { values, positionals } = readArguments(ours, { ...dataOption, region: { type: 'string' } }, 1);
  const [name] = positionals;
  if (name === undefined) throw new UsageError('name the cache to connect to');
  const dataDirectory = readDataDirectory(values.data);
  const admin = await connectAdmin(dataDirectory);
  if (!admin) {
    const start = limberCommand(dataDirectory, 'up');
    throw new CommandFailed(`Limber is not running, and it knows where ${name} is. To start it: ${start}`);
  }
  const { engine, address, port, clusterMode, tls, auth, cli } = await locate(admin, name, values.region);
  if (engine === 'memcached') {
    if (theirs.length === 0 && admin.dnsZone === null) console.error(namesNote);
    return await talkToMemcached(address, port, theirs);
  }
  if (!cli) {
    throw new CommandFailed(
      `this ${engine} came without its cli. Any client connects to ${address} port ${port}${tls ? ' with TLS' : ''}${clusterMode ? ' in cluster mode' : ''}`,
    );
  }
  const secured = tls ? ['--tls', '--cacert', trustPath(dataDirectory)] : [];
  const target = ['-h', address, '-p', String(port), ...secured, ...(clusterMode ? ['-c'] : [])];
  const access = auth ? accessOf(name) : { args: [], env: {} };
  return becomeProgram(cli.command, [...cli.args, ...target, ...access.args, ...theirs], {
    ...process.env,
    ...cli.env,
    ...access.env,
  });
}

/** The token never becomes an argument, which every user of the machine could read: the cli takes it from its environment, or asks. */
function accessOf(name: string) {
  const token = process.env.VALKEYCLI_AUTH || process.env.REDISCLI_AUTH;
  if (token) return { args: [], env: { VALKEYCLI_AUTH: token, REDISCLI_AUTH: token } };
  if (process.stdin.isTTY) return { args: ['--askpass'], env: {} };
  throw new CommandFailed(`${name} needs its AUTH token: set REDISCLI_AUTH, or call this from a terminal`);
}

/** The shell's region only decides between caches of one name: a name that is unique is found anywhere. */
async function locate(admin: AdminClient, name: string, region: string | undefined): Promise<ConnectAnswer> {
  const shellRegion = process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION;
  const wanted = region ?? shellRegion;
  if (!wanted) return await admin.call('connect', { name });
  try {
    return await admin.call('connect', { name, region: wanted });
  } catch (error) {
    if (region !== undefined || !(error instanceof AdminRefused)) throw error;
    return await admin.call('connect', { name });
  }
}

/** Lets the program take our place, so that the terminal, pipes and signals are its own. */
function becomeProgram(command: string, args: readonly string[], env: NodeJS.ProcessEnv): number {
  const { execve } = process;
  if (!execve) throw new CommandFailed('Node 24 or newer is needed to start the cli');
  try {
    execve.call(process, command, [command, ...args], env);
  } catch (cause) {
    throw new CommandFailed(`cannot start ${command}: ${(cause as Error).message}`, { cause });
  }
  return 0;
}
