/** Directives of a running engine. What a parameter group means for them: catalog/engine-settings.ts. */
import type { EngineConnection } from './client.ts';
import { belongsToLimber, type Directive } from './directives.ts';

/** Shown in the engine's own words: classes in its order, and all of them. */
const rewrittenByEngine = new Set(['notify-keyspace-events', 'client-output-buffer-limit']);

/**
 * Sets all at once, or none when the engine refuses one of them (`EngineReplyError` names it). Directives that belong
 * to Limber are left out. Gives those that the engine shows with another value than asked for, with that value: it
 * limits some by itself (`maxclients` to its open files).
 */
export async function applyParameters(
  connection: EngineConnection,
  directives: readonly Directive[],
): Promise<Directive[]> {
  const wanted = directives.filter(([name]) => !belongsToLimber(name));
  if (wanted.length === 0) return [];
  await connection.call('CONFIG', 'SET', ...wanted.flat());
  const shown = await readParameters(
    connection,
    wanted.map(([name]) => name),
  );
  return wanted
    .map(([name, value]): [Directive, Directive] => [
      [name, value],
      [name, shown.get(name) ?? ''],
    ])
    .filter(
      ([[name, asked], [, is]]) => !rewrittenByEngine.has(name) && asked.toLowerCase() !== is.toLowerCase(),
    )
    .map(([, is]) => is);
}

/** Limber's own settings (timing.ts): all or none. */
export async function setDirectives(
  connection: EngineConnection,
  directives: readonly Directive[],
): Promise<void> {
  await connection.call('CONFIG', 'SET', ...directives.flat());
}

/** Directive → value as the engine shows it. */
export async function readParameters(
  connection: EngineConnection,
  names: readonly string[],
): Promise<Map<string, string>> {
  const reply = (await connection.call('CONFIG', 'GET', ...names)) as string[];
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < reply.length; index += 2) values.set(reply[index]!, reply[index + 1]!);
  return values;
}
