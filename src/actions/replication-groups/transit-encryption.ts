/** Encryption of connections on a living group (§15). */
import type { ModifyReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import type { ReplicationGroup } from '../../model/resource.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import { notYet } from '../shared/refusals.ts';

/**
 * On ElastiCache encryption is turned on and off by way of the mode `preferred`, in which one port serves plain text and
 * TLS. Engines cannot do that, and Limber puts nothing between them and their clients.
 */
export function refuseOtherTransitEncryption(
  { desired }: ReplicationGroup,
  input: Pick<ModifyReplicationGroupMessage, 'TransitEncryptionEnabled' | 'TransitEncryptionMode'>,
): void {
  const { TransitEncryptionEnabled: asked, TransitEncryptionMode: mode } = input;
  const isOn = desired.transitEncryption !== 'off';
  if (mode === 'preferred') throw notYet('TransitEncryptionMode', mode, desired.transitEncryption);
  if (mode !== undefined && !(asked ?? isOn))
    throw invalidCombination('TransitEncryptionMode needs TransitEncryptionEnabled to be true.');
  if ((asked ?? isOn) === isOn) return;
  throw invalidCombination(
    `TransitEncryptionEnabled is ${isOn} and can be changed only by way of TransitEncryptionMode preferred, which Limber does not support yet; create a group with the setting that you need.`,
  );
}
