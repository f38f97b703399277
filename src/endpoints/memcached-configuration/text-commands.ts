/** What one line of the text protocol means to the endpoint. */
import { discoveryKey, type LocalAsk } from './answers.ts';
import type { DiscoveryForm } from './configuration.ts';

type Meaning =
  /** Passed on as it is. */
  | { readonly kind: 'line' }
  /** Passed on, and so many bytes after it: a value and its line end. */
  | { readonly kind: 'data'; readonly bytes: number }
  | { readonly kind: 'version' | 'quit' }
  | { readonly kind: 'local'; readonly ask: LocalAsk; readonly skipBytes: number };

const plainLine: Meaning = { kind: 'line' };
const storageCommands = new Set(['set', 'add', 'replace', 'append', 'prepend', 'cas']);
/** memcached.h: a length beyond INT_MAX - 2 is refused, and no value follows. */
const valueBytesMax = 2 ** 31 - 3;
/** AWS allows `config_size_max` up to this (parameters.json). */
const configBytesMax = 1_048_576;

/** `line` is without its line feed; a carriage return at its end is no part of it. */
export function meaningOf(line: string, form: DiscoveryForm): Meaning {
  const trimmed = line.endsWith('\r') ? line.slice(0, -1) : line;
  const words = trimmed.split(' ').filter((word) => word !== '');
  const command = words[0];
  if (command === undefined) return plainLine;
  if (storageCommands.has(command)) return storage(words, 4, 5);
  // `ms <key> <bytes> <flags>*` since 1.6.10.
  if (command === 'ms') return storage(words, 2, 3);
  // 1.6.45 no longer skips blanks before a command; to it these lines are only an ERROR.
  if (line.startsWith(' ')) return plainLine;
  if (form === 'key' && words.length === 1 && (command === 'version' || command === 'stats'))
    return { kind: 'local', ask: { kind: command }, skipBytes: 0 };
  if (command === 'version') return { kind: 'version' };
  if (command === 'quit') return { kind: 'quit' };
  if (command === 'config') return config(words);
  if ((command === 'get' || command === 'gets') && words.length === 2 && words[1] === discoveryKey) {
    return { kind: 'local', ask: { kind: 'old-get', withCas: command === 'gets' }, skipBytes: 0 };
  }
  return plainLine;
}

/**
 * A malformed storage command is where Memcached's versions differ: 1.6.18 and 1.6.38 take what follows for
 * commands, 1.6.45 swallows it as the value. Where a length can be read, the value is passed on unread either way: a client
 * that made a mistake still sends the value, and the next command is found in both cases.
 */
function storage(words: readonly string[], lengthAt: number, wordsMin: number): Meaning {
  const length = words[lengthAt];
  if (words.length < wordsMin || length === undefined) return plainLine;
  const bytes = Number.parseInt(length, 10);
  if (!/^\+?\d/.test(length) || bytes > valueBytesMax) return plainLine;
  return { kind: 'data', bytes: bytes + 2 };
}

/** AWS's addition: `config get <key>`, `config set <key> <flags> <bytes>`, `config delete <key>`. */
function config(words: readonly string[]): Meaning {
  const local = (ask: LocalAsk, skipBytes = 0): Meaning => ({ kind: 'local', ask, skipBytes });
  const key = words[2];
  if (words[1] === 'get' && key !== undefined && words.length === 3)
    return local({ kind: 'config-get', key });
  if (words[1] === 'delete' && key !== undefined) return local({ kind: 'config-write' });
  if (words[1] === 'set' && key !== undefined) {
    const bytes = /^\d{1,7}$/.test(words[4] ?? '') ? Number(words[4]) : -1;
    return local({ kind: 'config-write' }, bytes >= 0 && bytes <= configBytesMax ? bytes + 2 : 0);
  }
  return local({ kind: 'config-unknown' });
}
