/** The AUTH token of a new and of a living group (spec/behaviour.md §14). */
import type { ModifyReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { type AuthTokens, hashAuthToken, nextAuthTokens } from '../../model/auth-token.ts';
import { type Configuration, newestConfiguration, withNextConfiguration } from '../../model/configuration.ts';
import type { ReplicationGroup, TransitEncryption } from '../../model/resource.ts';
import { invalidCombination, invalidValue } from '../../model/service-errors.ts';

/** The configurations of a new group, which lets nobody in without the token from its first start. */
export function withFirstToken(
  configurations: readonly Configuration[],
  token: string | undefined,
  transitEncryption: TransitEncryption,
  now: number,
): readonly Configuration[] {
  if (token === undefined) return configurations;
  requireEncryption(transitEncryption);
  const auth: AuthTokens = {
    hashes: [hashAuthToken(token)],
    isOpen: false,
    strategy: 'SET',
    modifiedAt: now,
  };
  return configurations.map((one) => ({ ...one, auth }));
}

/** The group's configurations with this request's token; null when the request changes none. `configurations`: with what else it changes. */
export function withChangedToken(
  { desired }: Pick<ReplicationGroup, 'desired'>,
  configurations: readonly Configuration[],
  input: Pick<
    ModifyReplicationGroupMessage,
    'AuthToken' | 'AuthTokenUpdateStrategy' | 'ApplyImmediately' | 'PrimaryClusterId'
  >,
  now: number,
): readonly Configuration[] | null {
  const { AuthToken: token, AuthTokenUpdateStrategy: asked } = input;
  if (token === undefined && asked === undefined) return null;
  if (asked === 'DELETE')
    // The first sentence is AWS's.
    throw invalidValue(
      'Auth token update strategy delete is not supported currently. It is for groups that get user groups instead, which Limber does not support yet.',
    );
  if (token === undefined)
    throw invalidCombination(`AuthTokenUpdateStrategy ${asked} needs the AuthToken in the same request.`);
  requireEncryption(desired.transitEncryption);
  const hash = hashAuthToken(token);
  const auth = nextAuthTokens(newestConfiguration({ configurations }).auth, asked ?? 'ROTATE', hash, now);
  if (!auth) return null;
  if (!input.ApplyImmediately)
    throw invalidCombination('A change of the AuthToken needs ApplyImmediately to be true.');
  if (input.PrimaryClusterId !== undefined)
    throw invalidCombination('AuthToken and PrimaryClusterId cannot be changed in one request.');
  return withNextConfiguration({ configurations }, { auth });
}

function requireEncryption(transitEncryption: TransitEncryption): void {
  if (transitEncryption === 'off')
    throw invalidCombination('The AUTH token is only supported when encryption-in-transit is enabled'); // AWS's words
}
