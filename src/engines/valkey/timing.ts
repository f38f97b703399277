/** Settings that differ between the first seconds of a group and the rest of its life. All can be set at run time. */
import type { Directive } from './directives.ts';

/**
 * For a group that is new and empty: both replicas of a primary are confirmed after 0.11-0.15 s, against 1-2 s with
 * a diskless sync. `on-empty-db` stays for good: without it Valkey 9 downloads beside its main thread, which looks
 * once a second; a replica that holds data does not use it.
 */
export const quickFirstSync: readonly Directive[] = [
  ['repl-diskless-sync', 'no'],
  // For later ones, which may go without the disk: it is 5 s by default.
  ['repl-diskless-sync-delay', '0'],
  ['repl-diskless-load', 'on-empty-db'],
];

/** Once the group holds data: nothing is written to the primary's disk for a sync, and nothing waits for a second replica. */
export const steadySync: readonly Directive[] = [
  ['repl-diskless-sync', 'yes'],
  ['repl-diskless-sync-delay', '0'],
  ['repl-diskless-load', 'on-empty-db'],
];

/** With the usual timeout replicas stay out of CLUSTER SLOTS for 7-18 s, and a joining node waits up to 5 s more. */
export const clusterTimingWhileForming: readonly Directive[] = [
  ['cluster-node-timeout', '500'],
  ['repl-ping-replica-period', '1'],
];

/** 15 s: the engine's own failover is the backstop for when Limber is down; Limber acts within milliseconds. */
export const steadyClusterTiming: readonly Directive[] = [
  ['cluster-node-timeout', '15000'],
  ['repl-ping-replica-period', '10'],
];
