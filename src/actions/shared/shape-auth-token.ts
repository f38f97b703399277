/** What a group and its members show of the AUTH token. Pure. */
import { type Configuration, configurationOf, newestConfiguration } from '../../model/configuration.ts';
import type { CacheNode } from '../../model/node.ts';

interface Configured {
  readonly configurations: readonly Configuration[];
}

export function shapeAuthToken({ configurations }: Configured) {
  const auth = configurations.at(-1)?.auth;
  return auth
    ? { AuthTokenEnabled: true, AuthTokenLastModifiedDate: new Date(auth.modifiedAt) }
    : { AuthTokenEnabled: false };
}

/** Shown until every node lets in whom the newest configuration says: a node that is down or hung gets it when it can. */
export function shapeAuthTokenStatus(
  settings: Configured,
  nodes: readonly Pick<CacheNode, 'applied' | 'intent'>[],
) {
  if (settings.configurations.length === 0) return {};
  const { auth } = newestConfiguration(settings);
  const isPending = nodes.some(({ applied, intent }) => {
    const running = applied && configurationOf(settings, applied.configVersion);
    return intent === 'running' && running && JSON.stringify(running.auth) !== JSON.stringify(auth);
  });
  if (!auth || !isPending) return {};
  return { AuthTokenStatus: auth.strategy === 'SET' ? ('SETTING' as const) : ('ROTATING' as const) };
}
