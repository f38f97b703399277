/** Why configurations that ElastiCache takes are refused: what is not built yet, and nothing else. */
import type { Outcome } from './replay.ts';

/** What the refusal of each reason looks like. */
const notBuilt: readonly (readonly [reason: string, pattern: RegExp])[] = [
  ['serverless caches', /^CreateServerlessCache /],
  ['restore from a snapshot', / (SnapshotName|SnapshotArns|Snapshot)/],
  ['snapshots', /^CreateSnapshot |FinalSnapshotIdentifier/],
  ['global datastores', /GlobalReplicationGroup/],
  ['users and user groups', /^CreateUser|UserGroupIds/],
  ['plain text beside TLS on one port', /TransitEncryptionMode with the value preferred/],
];

/** Why a configuration was refused, of the list; null when it should have been served. */
export function knownReason({ refusal }: Outcome): string | null {
  if (refusal === null) return null;
  const text = `${refusal.action} ${refusal.reason}`;
  return notBuilt.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
}
