/**
 * Configurations: what the nodes of a cache run with, beside their engine version and node type. They are numbered, and
 * one that was written never changes: a node whose row says 3 starts with the same values after any crash, whatever was
 * asked for since. Who may log in stands here too.
 */
import type { AuthTokens } from './auth-token.ts';
import type { CacheNode } from './node.ts';

export interface Configuration {
  /** Starts at 1, +1 with each change. */
  readonly version: number;
  readonly parameterGroupName: string;
  readonly family: string;
  /** Parameter name → value: what the parameter group had set when this configuration was made. */
  readonly overrides: Readonly<Record<string, string>>;
  /** Absent: clients need no password. */
  readonly auth?: AuthTokens;
}

/** The settings of a cache hold its configurations, oldest first. */
interface Configured {
  readonly configurations: readonly Configuration[];
}

/** The configuration that new targets are made from. A member of a group has none of its own: its node runs with the group's. */
export function newestConfiguration({ configurations }: Configured): Configuration {
  const newest = configurations.at(-1);
  if (!newest) throw new Error('a cache without a configuration');
  return newest;
}

/** Undefined when the cache does not have that configuration any more, or never had it (0: nobody recorded what a node was started with). */
export const configurationOf = ({ configurations }: Configured, version: number): Configuration | undefined =>
  configurations.find((one) => one.version === version);

/** What is not named stays as it is. */
export function withNextConfiguration(
  settings: Configured,
  changed: Partial<Omit<Configuration, 'version'>>,
): readonly Configuration[] {
  const newest = newestConfiguration(settings);
  return [...settings.configurations, { ...newest, ...changed, version: newest.version + 1 }];
}

/** The configurations that a node runs with or is to run with, and the newest two: a node may just be starting with the older one. */
export function usedConfigurations(
  { configurations }: Configured,
  nodes: readonly Pick<CacheNode, 'target' | 'started' | 'applied'>[],
): readonly Configuration[] {
  const used = new Set(
    nodes.flatMap(({ target, started, applied }) =>
      [target, started, applied].flatMap((one) => one?.configVersion ?? []),
    ),
  );
  return configurations.filter((one, index) => index >= configurations.length - 2 || used.has(one.version));
}
