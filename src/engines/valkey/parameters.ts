/** Directives of a running engine. What a configuration means for them: catalog/engine-settings.ts. */
import type { EngineConnection } from './client.ts';
import { belongsToLimber, type Directive } from './directives.ts';
import { EngineReplyError } from './engine-errors.ts';

interface RefusedDirective {
  readonly directive: string;
  /** The engine's own sentence. */
  readonly reason: string;
}

/**
 * Sets the directives that the engine shows with another value, all of them at once. When the engine refuses that, each is
 * set alone, so that one that it does not take keeps no other back. Directives that belong to Limber, and those that this build
 * does not have, are left out. May be repeated.
 */
export async function applyParameters(
  connection: EngineConnection,
  directives: readonly Directive[],
): Promise<readonly RefusedDirective[]> {
  const own = directives.filter(([name]) => !belongsToLimber(name));
  if (own.length === 0) return [];
  const shown = await readParameters(
    connection,
    own.map(([name]) => name),
  );
  const differing = own.filter(
    ([name, value]) => (shown.get(name) ?? value).toLowerCase() !== value.toLowerCase(),
  );
  if (differing.length === 0 || !(await refusalOf(connection, differing))) return [];
  const refused: RefusedDirective[] = [];
  for (const one of differing) {
    const reason = await refusalOf(connection, [one]);
    if (reason !== null) refused.push({ directive: one[0], reason });
  }
  return refused;
}

/** Sets all of these directives or none. Null when the engine took them, else its reason for refusing. */
async function refusalOf(
  connection: EngineConnection,
  directives: readonly Directive[],
): Promise<string | null> {
  try {
    await setDirectives(connection, directives);
    return null;
  } catch (error) {
    if (error instanceof EngineReplyError && error.code === 'ERR') return error.message;
    throw error;
  }
}

/** Sets all of these directives or none: throws `EngineReplyError`, which names the first that is refused. */
export async function setDirectives(
  connection: EngineConnection,
  directives: readonly Directive[],
): Promise<void> {
  await connection.call('CONFIG', 'SET', ...directives.flat());
}

/** Directive → value as the engine shows it; without those that it does not have. */
export async function readParameters(
  connection: EngineConnection,
  names: readonly string[],
): Promise<Map<string, string>> {
  const reply = (await connection.call('CONFIG', 'GET', ...names)) as string[];
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < reply.length; index += 2) values.set(reply[index]!, reply[index + 1]!);
  return values;
}
