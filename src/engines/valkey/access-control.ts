/**
 * The users of every engine, from its first start: `default` for clients, one for Limber, one for replication.
 * See docs/access-control.md.
 */
import { createHash } from 'node:crypto';
import type { AuthTokens } from '../../model/auth-token.ts';
import type { Command, EngineConnection } from './client.ts';
import { allowedToClients, deniedToClients } from './command-table.ts';
import type { EngineCommand, EngineFingerprint } from './fingerprint.ts';

/** No user of a cache may be called so. */
export const limberUser = 'limber';
export const replicationUser = 'limber-replication';

/** Random, at least 32 bytes as hex; the same for all nodes of a cache, since every node may come to lead. */
export interface EngineSecrets {
  readonly limber: string;
  readonly replication: string;
}

/** Names as ACL rules write them (`cluster|meet`), sorted; only what this engine has, so that it accepts the rules. */
export function deniedCommands(fingerprint: EngineFingerprint): string[] {
  return fingerprint.commands
    .filter((command) => isDenied(command))
    .map((command) => command.name)
    .sort();
}

/** The denials that every client's user ends with: `default`, and users of RBAC after their access string, so that nothing gives back what is denied. */
function clientDenials(fingerprint: EngineFingerprint): string[] {
  const denied = deniedCommands(fingerprint);
  // `-config` covers `config|get`: shorter lines, and subcommands of later patches are covered too.
  return denied.filter((name) => !denied.includes(containerOf(name) ?? '')).map((name) => `-${name}`);
}

/** The user `default`: everything but what is denied. */
function clientRules(fingerprint: EngineFingerprint, auth: ClientAuth): string[] {
  return ['reset', 'on', ...passwordRules(auth), '~*', '&*', '+@all', ...clientDenials(fingerprint)];
}

/** Null: clients need no password. */
export type ClientAuth = Pick<AuthTokens, 'hashes' | 'isOpen'> | null;

/** An engine that takes everybody without a password takes them with any password too. */
function passwordRules(auth: ClientAuth): string[] {
  if (auth === null || auth.isOpen) return ['nopass'];
  if (auth.hashes.length === 0) throw new Error('nobody could log in without the hash of a token');
  return ['resetpass', ...auth.hashes.map((hash) => `#${hash}`)];
}

/**
 * Lets clients of a running node in with these tokens and no others, in one step. What they may do stays, and so do
 * connections that are logged in. May be repeated.
 */
export async function applyClientAuth(connection: EngineConnection, auth: ClientAuth): Promise<void> {
  await connection.call('ACL', 'SETUSER', 'default', ...passwordRules(auth));
}

/** For a moment: clients begin no script and no function, and end no connection. What they may do else stays. */
export const denyDisturbance: Command = ['ACL', 'SETUSER', 'default', '-@scripting', '-client|kill'];

/** Nobody waits longer for an engine that was answering a moment ago. */
const allowMs = 500;

/** Gives back what `denyDisturbance` has taken, and no more. May be repeated. */
export async function allowAllCommands(
  connection: EngineConnection,
  fingerprint: EngineFingerprint,
): Promise<void> {
  const user = (await connection.callWithin(allowMs, 'ACL', 'GETUSER', 'default')) as unknown[];
  const rules = String(user[user.indexOf('commands') + 1]).split(' ');
  // Redis 7.0 puts rules in words of its own: this one stands in all of them.
  if (!rules.includes('-@scripting')) return;
  const allowed = ['+@scripting', '+client|kill', ...clientDenials(fingerprint)];
  await connection.callWithin(allowMs, 'ACL', 'SETUSER', 'default', ...allowed);
}

function limberRules(secrets: EngineSecrets): string[] {
  return ['reset', 'on', passwordHash(secrets.limber), '~*', '&*', '+@all'];
}

/** The rules of the replication user: the commands that a replica sends, and those of Valkey 9 to move a slot, which need the keys too. */
function replicationRules(secrets: EngineSecrets, fingerprint: EngineFingerprint): string[] {
  const wanted = ['ping', 'psync', 'sync', 'replconf', 'cluster|syncslots'];
  const names = new Set(fingerprint.commands.map((command) => command.name));
  const allowed = wanted.filter((name) => names.has(name));
  const keys = names.has('cluster|syncslots') ? ['~*'] : [];
  return ['reset', 'on', passwordHash(secrets.replication), ...keys, ...allowed.map((name) => `+${name}`)];
}

/** User name → ACL rules, for `user` lines of the config file (`ACL SETUSER` takes the same). */
export function engineUsers(
  fingerprint: EngineFingerprint,
  secrets: EngineSecrets,
  auth: ClientAuth,
): Readonly<Record<string, readonly string[]>> {
  return {
    default: clientRules(fingerprint, auth),
    [limberUser]: limberRules(secrets),
    [replicationUser]: replicationRules(secrets, fingerprint),
  };
}

function passwordHash(secret: string): string {
  if (secret.length < 32) throw new Error('an engine secret needs at least 32 characters');
  return `#${createHash('sha256').update(secret).digest('hex')}`;
}

function isPowerful(command: EngineCommand): boolean {
  return command.categories.includes('@admin') || command.categories.includes('@dangerous');
}

function isDenied(command: EngineCommand): boolean {
  if (isListed(deniedToClients, command.name)) return true;
  return isPowerful(command) && !allowedToClients.includes(command.name);
}

function isListed(table: Readonly<Record<string, string>>, name: string): boolean {
  const container = containerOf(name);
  return Object.hasOwn(table, name) || (container !== undefined && Object.hasOwn(table, container));
}

function containerOf(name: string): string | undefined {
  const [container, subcommand] = name.split('|');
  return subcommand === undefined ? undefined : container;
}
