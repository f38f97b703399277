/**
 * AUTH tokens: the passwords of the user `default`, and when each counts (spec/behaviour.md §14). Only their hashes are kept,
 * in the form that engines take: a token itself is nowhere but in the request that brings it.
 */
import { createHash } from 'node:crypto';
import { invalidCombination, invalidValue } from './service-errors.ts';

export interface AuthTokens {
  /** SHA-256 as hex, the latest last; two while tokens are being exchanged. */
  readonly hashes: readonly string[];
  /** Clients without a token are let in too: a group that had none got its first by ROTATE. */
  readonly isOpen: boolean;
  /** How the latest token came. */
  readonly strategy: AuthTokenStrategy;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

type AuthTokenStrategy = 'SET' | 'ROTATE';

/** The hash of a token that is well-formed. No error shows it. */
export function hashAuthToken(token: string): string {
  if (!/^[A-Za-z0-9!&#$^<>-]{16,128}$/.test(token))
    // The first sentence is AWS's.
    throw invalidValue(
      'Invalid AuthToken provided. It needs 16 to 128 characters: letters, digits, and of others only ! & # $ ^ < > -',
    );
  return createHash('sha256').update(token).digest('hex');
}

/** The tokens after this request; null when it changes nothing, as one that is repeated. */
export function nextAuthTokens(
  present: AuthTokens | undefined,
  strategy: AuthTokenStrategy,
  hash: string,
  modifiedAt: number,
): AuthTokens | null {
  const hashes = present?.hashes ?? [];
  const latest = hashes.at(-1);
  if (strategy === 'ROTATE') {
    if (latest === hash) return null;
    const kept = hashes.filter((one) => one !== hash).slice(-1);
    return { hashes: [...kept, hash], isOpen: present?.isOpen ?? true, strategy, modifiedAt };
  }
  if (latest !== undefined && latest !== hash)
    throw invalidCombination(
      'The AuthTokenUpdateStrategy SET takes the AuthToken that was given with the latest ROTATE, and this is another; ROTATE to it first.',
    );
  if (hashes.length === 1 && !present?.isOpen) return null;
  return { hashes: [hash], isOpen: false, strategy, modifiedAt };
}
