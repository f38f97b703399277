/** Cuts a client's text-protocol stream into what goes to a node and what the endpoint answers itself. */
import type { DiscoveryForm } from './configuration.ts';
import type { ByteStream, RequestPiece } from './streams.ts';
import { meaningOf } from './text-commands.ts';

/** Memcached closes a connection whose line has no end within this many bytes, unless it is a multi-get. */
const lineBytesMax = 2048;
/** Memcached sets no bound for a multi-get. A mebibyte is about 4,000 keys of full length: a judgement. */
const multiGetBytesMax = 1_048_576;

/**
 * Where the stream stands.
 * `line`: a command line is awaited; an incomplete one is held, at most `lineBytesMax` of it.
 * `data`: `bytes` of a value and its line end follow. They are passed on and never looked at, so a value that
 * reads `config get cluster` is only a value.
 * `skip`: `bytes` of a refused `config set` value follow and are thrown away.
 * `multi-get`: a long line whose beginning has been passed on already, `bytes` of it so far.
 * `cut`: the client broke the bounds; everything more is ignored.
 */
type State =
  | { readonly at: 'line' | 'cut' }
  | { readonly at: 'data' | 'skip' | 'multi-get'; readonly bytes: number };

const awaitingLine: State = { at: 'line' };

export function createTextRequests(form: DiscoveryForm): ByteStream<RequestPiece> {
  let state: State = awaitingLine;
  let held: Buffer = Buffer.alloc(0);

  /** Takes one step over `data` from `start`; returns where the next step starts, or -1 when more must come. */
  function step(data: Buffer, start: number, out: Cutter): number {
    const left = data.length - start;
    switch (state.at) {
      case 'cut':
        return -1;
      case 'data':
      case 'skip': {
        const taken = Math.min(state.bytes, left);
        if (state.at === 'data') out.forward(start, start + taken);
        const rest = state.bytes - taken;
        state = rest === 0 ? awaitingLine : { at: state.at, bytes: rest };
        return start + taken;
      }
      case 'multi-get': {
        const end = data.indexOf(0x0a, start);
        const next = end === -1 ? data.length : end + 1;
        const bytes = state.bytes + next - start;
        if (bytes > multiGetBytesMax) return cut(out);
        out.forward(start, next);
        state = end === -1 ? { at: 'multi-get', bytes } : awaitingLine;
        return next;
      }
      case 'line':
        return line(data, start, out);
      default:
        return state satisfies never;
    }
  }

  function line(data: Buffer, start: number, out: Cutter): number {
    const end = data.indexOf(0x0a, start);
    if (end === -1) {
      if (data.length - start <= lineBytesMax) return -1;
      if (!/^ {0,100}gets? /.test(data.toString('latin1', start, start + 106))) return cut(out);
      out.forward(start, data.length);
      state = { at: 'multi-get', bytes: data.length - start };
      return data.length;
    }
    const next = end + 1;
    // More than this cannot be a storage command or one of ours, and is not worth turning into a string.
    const meaning = meaningOf(data.toString('latin1', start, Math.min(end, start + lineBytesMax)), form);
    switch (meaning.kind) {
      case 'line':
        out.forward(start, next);
        return next;
      case 'data':
        out.forward(start, next);
        state = { at: 'data', bytes: meaning.bytes };
        return next;
      case 'version':
        out.piece({ kind: 'forward-marker', bytes: data.subarray(start, next) });
        return next;
      case 'quit':
        out.piece({ kind: 'quit', bytes: data.subarray(start, next) });
        return next;
      case 'local':
        out.piece({ kind: 'local', ask: meaning.ask });
        if (meaning.skipBytes > 0) state = { at: 'skip', bytes: meaning.skipBytes };
        return next;
      default:
        return meaning satisfies never;
    }
  }

  function cut(out: Cutter): number {
    state = { at: 'cut' };
    out.piece({ kind: 'cut' });
    return -1;
  }

  return {
    push(chunk) {
      const data = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const out = createCutter(data);
      let at = 0;
      while (at < data.length) {
        const next = step(data, at, out);
        if (next === -1) break;
        at = next;
      }
      // A copy, so that a few held bytes do not keep a whole network buffer alive.
      held = state.at === 'line' ? Buffer.from(data.subarray(at)) : Buffer.alloc(0);
      return out.pieces();
    },
  };
}

interface Cutter {
  /** Adds a stretch; stretches that touch become one piece, so that pipelined commands travel together. */
  forward(from: number, to: number): void;
  piece(piece: RequestPiece): void;
  pieces(): RequestPiece[];
}

function createCutter(data: Buffer): Cutter {
  const pieces: RequestPiece[] = [];
  let from = 0;
  let to = 0;
  const flush = () => {
    if (to > from) pieces.push({ kind: 'forward', bytes: data.subarray(from, to) });
    from = to;
  };
  return {
    forward(start, end) {
      if (start !== to) {
        flush();
        from = start;
      }
      to = end;
    },
    piece(piece) {
      flush();
      pieces.push(piece);
    },
    pieces() {
      flush();
      return pieces;
    },
  };
}
