/**
 * Restricted commands that nodes know by a name of Limber's own. Clients who use the usual one are answered
 * `ERR unknown command 'CONFIG', with args beginning with: …`, as by ElastiCache, and programs match that text.
 * The new names are no secret (SLOWLOG shows them): access rules deny a command under any name. See
 * docs/decisions/0025-renamed-commands.md.
 */
import type { Directive } from './directives.ts';
import { EngineReplyError } from './engine-errors.ts';
import type { EngineFingerprint } from './fingerprint.ts';

/**
 * All of them are denied to clients, none is sent by an engine to another one. Not here: what replicas send
 * (SYNC, PSYNC, REPLCONF), and containers of which clients may use a part (ACL, CLUSTER, SCRIPT).
 */
export const renamedCommands: readonly string[] = [
  'bgrewriteaof',
  'bgsave',
  'config',
  'debug',
  'failover',
  'migrate',
  'module',
  'replicaof',
  'save',
  'shutdown',
  'slaveof',
];

export function nameOnNodes(command: string): string {
  const name = command.toLowerCase();
  return renamedCommands.includes(name) ? `limber-${name}` : command;
}

/** For the config file; only what this engine has, since it does not start with any other. */
export function renameDirectives(fingerprint: EngineFingerprint): Directive[] {
  const names = new Set(fingerprint.commands.map(({ name }) => name));
  return renamedCommands
    .filter((name) => names.has(name))
    .map((name) => ['rename-command', `${name} ${nameOnNodes(name)}`]);
}

type Send<Argument> = (command: string, args: readonly Argument[]) => Promise<unknown>;

/** Calls commands by their names on nodes; by the usual ones on a node that an older Limber started, as soon as it says that it has no others. */
export function byNameOnNodes<Argument>(send: Send<Argument>): Send<Argument> {
  let hasRenamed = true;
  return async (command, args) => {
    const name = nameOnNodes(command);
    if (name === command || !hasRenamed) return send(command, args);
    try {
      return await send(name, args);
    } catch (error) {
      if (!isUnknown(error, name)) throw error;
      hasRenamed = false;
      return send(command, args);
    }
  };
}

/** The engines have no code of its own for it: the message is all there is, and the same on each of them. */
function isUnknown(error: unknown, name: string): boolean {
  return error instanceof EngineReplyError && error.message.includes(`unknown command '${name}'`);
}
