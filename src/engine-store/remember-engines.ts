/** An installed engine stays where it is: what was found once need not be looked for at each start of a node. */
import type { EngineStore } from './contract.ts';

export function rememberEngines(engineStore: EngineStore): EngineStore {
  const found = new Map<string, ReturnType<EngineStore['resolve']>>();
  return {
    ...engineStore,
    resolve(request, options) {
      const key = `${request.engine}@${request.version}`;
      const known = found.get(key);
      if (known) return known;
      const resolving = engineStore.resolve(request, options);
      found.set(key, resolving);
      resolving.catch(() => found.delete(key));
      return resolving;
    },
  };
}
