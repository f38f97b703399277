/** What failed, in a sentence for people. */
import { SpawnFailed } from '../runtime/contract.ts';

/** Of an engine that did not start, its own last words too. */
export function reasonOf(error: Error): string {
  const words = error instanceof SpawnFailed ? error.lastWords.trim() : '';
  return words ? `${error.message}. The engine's last words: ${words}` : error.message;
}
