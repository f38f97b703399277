/**
 * Configurations: what the nodes of a cache run with, beside their engine version and node type. They are numbered, and
 * one that was written never changes: a node whose row says 3 starts with the same values after any crash, whatever was
 * asked for since. AUTH, users and TLS belong here too when they come.
 */
import type { CacheNode } from './node.ts';

export interface Configuration {
  /** Starts at 1, +1 with each change. */
  readonly version: number;
  readonly parameterGroupName: string;
  readonly family: string;
  /** Parameter name → value: what the parameter group had set when this configuration was made. */
  readonly overrides: Readonly<Record<string, string>>;
}

/** The settings of a cache hold its configurations, oldest first. */
interface Configured {
  readonly configurations: readonly Configuration[];
}

/** What new targets are made from. A member of a group has none of its own: its nodes run with the group's. */
export function newestConfiguration({ configurations }: Configured): Configuration {
  const newest = configurations.at(-1);
  if (!newest) throw new Error('a cache without a configuration');
  return newest;
}

/** Undefined when it is not known any more, or never was (0: nobody recorded what the node was started with). */
export const configurationOf = ({ configurations }: Configured, version: number): Configuration | undefined =>
  configurations.find((one) => one.version === version);

export function withNextConfiguration(
  settings: Configured,
  changed: Omit<Configuration, 'version'>,
): readonly Configuration[] {
  const { version } = newestConfiguration(settings);
  return [...settings.configurations, { ...changed, version: version + 1 }];
}

/** Without those that no node runs with or is to run with. The newest two stay: a node may just be starting with the older one. */
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
