/** The reason of a failure, in a sentence for people. */
import { SpawnFailed } from '../runtime/contract.ts';

/** The message of an error; for an engine that did not start with its own last words. */
export function reasonOf(error: Error): string {
  const words = error instanceof SpawnFailed ? error.lastWords.trim() : '';
  return words ? `${error.message}. The engine's last words: ${words}` : error.message;
}
