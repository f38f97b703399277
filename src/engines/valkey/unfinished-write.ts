/**
 * The end of an append-only file after a crash. A write that did not reach the disk whole is cut off by the engine at
 * its next start (aof-load-truncated), without a copy. With `appendfsync always` it was never acknowledged; with
 * `everysec` it may have been. Here it is found before, so that its bytes can be kept.
 */
import type { Files } from '../../platform/files.ts';

interface UnfinishedWrite {
  readonly file: string;
  /** The engine cuts here: the beginning of the last command, or of its MULTI. */
  readonly offset: number;
  readonly bytes: number;
}

/** What of a file can be read: all, all but an unfinished end, or not by these rules (damage, or no beginning found). */
type Reading =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unfinished'; readonly offset: number }
  | { readonly kind: 'unreadable' };

/**
 * The end is looked at first, which takes less than a millisecond: 64 KiB hold the beginning of a command nearly
 * always, and 4 MiB when values are large. That the text found there is part of a value, and the cut exactly at the
 * end of what looks like a command within it, would be missed.
 */
const windows = [64 * 2 ** 10, 4 * 2 ** 20] as const;

/**
 * The write that the engine will cut off, or null. `check` says how far a file can be read (`check-aof`, about
 * 350 MB/s, so not before every start); null when it does not know, and then the look at the end decides.
 */
export async function findUnfinishedWrite(
  files: Files,
  file: string,
  check: (file: string) => Promise<number | null>,
): Promise<UnfinishedWrite | null> {
  const size = (await files.look(file)).bytes;
  let reading: Reading = { kind: 'unreadable' };
  for (const window of windows) {
    const start = Math.max(0, size - window);
    const tail = await files.readPart(file, start, size - start);
    const from = start === 0 ? 0 : firstCommand(tail);
    reading = from === null ? { kind: 'unreadable' } : readCommands(tail, from);
    if (reading.kind === 'unfinished') reading = { ...reading, offset: start + reading.offset };
    if (reading.kind === 'whole') return null;
    // From its beginning on nothing is left to doubt. What is unreadable then is damage, which the engine refuses.
    if (start === 0) return asWrite(file, size, reading);
    if (reading.kind === 'unfinished') break;
  }
  const offset = await check(file);
  if (offset === null || offset >= size) return offset === null ? asWrite(file, size, reading) : null;
  // Damage in the middle ends a check too; only what runs beyond the end is cut off.
  const rest = await files.readPart(file, offset, Math.min(size - offset, windows[1]));
  return readCommands(rest, 0).kind === 'unreadable' ? null : { file, offset, bytes: size - offset };
}

const asWrite = (file: string, size: number, reading: Reading): UnfinishedWrite | null =>
  reading.kind === 'unfinished' ? { file, offset: reading.offset, bytes: size - reading.offset } : null;

/** The position after the first line end that a command seems to follow. */
function firstCommand(tail: Buffer): number | null {
  for (let at = tail.indexOf('\r\n*'); at >= 0; at = tail.indexOf('\r\n*', at + 1))
    if (/^\*[1-9]\d*\r\n\$\d+\r\n/.test(tail.toString('latin1', at + 2, at + 40))) return at + 2;
  return null;
}

/** Commands as the engine writes them, `*2 $3 DEL $1 k`, and lines with a `#` (time stamps) between them. */
function readCommands(text: Buffer, from: number): Reading {
  let transaction: number | null = null;
  for (let at = from; at < text.length; ) {
    const command = readCommand(text, at);
    if (command === 'unreadable') return { kind: 'unreadable' };
    if (command === 'unfinished') return { kind: 'unfinished', offset: transaction ?? at };
    if (command.name === 'MULTI') transaction = at;
    if (command.name === 'EXEC') transaction = null;
    at = command.end;
  }
  return transaction === null ? { kind: 'whole' } : { kind: 'unfinished', offset: transaction };
}

function readCommand(
  text: Buffer,
  at: number,
): { readonly end: number; readonly name: string } | 'unfinished' | 'unreadable' {
  if (text[at] === 0x23) {
    const end = text.indexOf('\n', at);
    return { end: end < 0 ? text.length : end + 1, name: '#' };
  }
  const count = readNumber(text, at, 0x2a);
  if (typeof count === 'string') return count;
  let [end, name] = [count.end, ''];
  for (let index = 0; index < count.value; index += 1) {
    const length = readNumber(text, end, 0x24);
    if (typeof length === 'string') return length;
    const next = length.end + length.value + 2;
    if (next > text.length) return 'unfinished';
    if (text[next - 2] !== 0x0d || text[next - 1] !== 0x0a) return 'unreadable';
    // Longer names are none of those that matter.
    if (index === 0 && length.value <= 5) name = text.toString('latin1', length.end, next - 2).toUpperCase();
    end = next;
  }
  return { end, name };
}

/** A line of `mark` and a number. */
function readNumber(
  text: Buffer,
  at: number,
  mark: number,
): { readonly value: number; readonly end: number } | 'unfinished' | 'unreadable' {
  if (at >= text.length) return 'unfinished';
  if (text[at] !== mark) return 'unreadable';
  let value = 0;
  for (let place = at + 1; place < text.length; place += 1) {
    const digit = text[place]! - 0x30;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (text[place] !== 0x0d || place === at + 1) return 'unreadable';
    else if (place + 1 >= text.length) return 'unfinished';
    else return text[place + 1] === 0x0a ? { value, end: place + 2 } : 'unreadable';
  }
  return 'unfinished';
}
