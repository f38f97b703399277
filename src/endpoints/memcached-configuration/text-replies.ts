/** Cuts a node's text-protocol replies so that the replies to markers are found, and nothing else is taken for one. */
import type { ByteStream, ReplyPiece } from './streams.ts';

/** The longest line that must be seen whole: `VALUE <250 bytes> <flags> <bytes> <cas>`, or `VA` with all flags. */
const headBytesMax = 2048;
const marker = Buffer.from('VERSION ');

export function createTextReplies(): ByteStream<ReplyPiece> {
  let held: Buffer = Buffer.alloc(0);
  let valueLeft = 0;
  /** True inside a line that is too long to begin a value: everything up to its end is passed on. */
  let inLongLine = false;

  return {
    push(chunk) {
      const data = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const pieces: ReplyPiece[] = [];
      let from = 0;
      let at = 0;
      const flush = () => {
        if (at > from) pieces.push({ kind: 'forward', bytes: data.subarray(from, at) });
        from = at;
      };
      while (at < data.length) {
        if (valueLeft > 0) {
          const taken = Math.min(valueLeft, data.length - at);
          valueLeft -= taken;
          at += taken;
          continue;
        }
        const end = data.indexOf(0x0a, at);
        if (end === -1) {
          if (!inLongLine && data.length - at <= headBytesMax) break;
          inLongLine = true;
          at = data.length;
          continue;
        }
        if (!inLongLine && data.subarray(at, at + marker.length).equals(marker)) {
          flush();
          at = end + 1;
          pieces.push({ kind: 'marker', bytes: data.subarray(from, at) });
          from = at;
          continue;
        }
        if (!inLongLine) valueLeft = valueBytes(data, at, end);
        inLongLine = false;
        at = end + 1;
      }
      flush();
      held = Buffer.from(data.subarray(at));
      return pieces;
    },
  };
}

/** The bytes of a value and its line end that follow this line; 0 when none do. */
function valueBytes(data: Buffer, start: number, end: number): number {
  if (data[start] !== 0x56 || data[start + 1] !== 0x41) return 0;
  const head = data.toString('latin1', start, Math.min(end, start + headBytesMax));
  const found = /^VALUE \S+ \d+ (\d+)/.exec(head) ?? /^VA (\d+)/.exec(head);
  return found?.[1] === undefined ? 0 : Number(found[1]) + 2;
}
