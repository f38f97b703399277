/** Both directions of the binary protocol: packets of a 24-byte header and a body whose length it tells. */
import type { LocalAsk } from './answers.ts';
import type { ByteStream, ReplyPiece, RequestPiece } from './streams.ts';

const headerBytes = 24;
const requestMagic = 0x80;
const responseMagic = 0x81;
const noop = 0x0a;
/** AWS's additions: get, set and delete with their quiet forms; only get is used by its clients. */
const configGet = 0x60;
const configWrites = new Set([0x64, 0x65, 0x66, 0x67]);
/**
 * `config get` carries only a key, of at most 250 bytes. What claims to be larger goes to a node, which answers
 * that it does not know the command: holding large packets here would let a client make us copy without end.
 */
const localBodyMax = 1024;

/** A no-op: it is answered in its place among the replies and touches nothing. */
export const binaryMarker: Buffer = (() => {
  const packet = Buffer.alloc(headerBytes);
  packet[0] = requestMagic;
  packet[1] = noop;
  return packet;
})();

export function createBinaryRequests(): ByteStream<RequestPiece> {
  return createFrames<RequestPiece>({
    magic: requestMagic,
    isWhole: (opcode, body) => (opcode === configGet || configWrites.has(opcode)) && body <= localBodyMax,
    whole: (packet) => ({ kind: 'local', ask: localAsk(packet) }),
    isMarker: (opcode) => opcode === noop,
    marker: (bytes) => ({ kind: 'forward-marker', bytes }),
  });
}

export function createBinaryReplies(): ByteStream<ReplyPiece> {
  return createFrames<ReplyPiece>({
    magic: responseMagic,
    isWhole: () => false,
    whole: (bytes) => ({ kind: 'forward', bytes }),
    isMarker: (opcode) => opcode === noop,
    marker: (bytes) => ({ kind: 'marker', bytes }),
  });
}

function localAsk(packet: Buffer): LocalAsk {
  const opcode = packet[1] ?? 0;
  const opaque = Buffer.from(packet.subarray(12, 16));
  if (opcode !== configGet) return { kind: 'binary-config-write', opcode, opaque };
  const keyAt = headerBytes + (packet[4] ?? 0);
  return {
    kind: 'binary-config-get',
    key: packet.toString('latin1', keyAt, keyAt + packet.readUInt16BE(2)),
    opaque,
  };
}

interface FrameRules<Piece> {
  readonly magic: number;
  /** Packets to hold until they are complete, instead of passing them on as they come. */
  isWhole(opcode: number, bodyBytes: number): boolean;
  whole(packet: Buffer): Piece;
  isMarker(opcode: number): boolean;
  marker(packet: Buffer): Piece;
}

/** Once a packet starts with another magic than it must, nothing can be known any more: all is passed on. */
function createFrames<Piece>(rules: FrameRules<Piece>): ByteStream<Piece | ForwardPiece> {
  let held: Buffer = Buffer.alloc(0);
  let bodyLeft = 0;
  let isRaw = false;

  return {
    push(chunk) {
      const data = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const pieces: (Piece | ForwardPiece)[] = [];
      let from = 0;
      let at = 0;
      const flush = (to: number) => {
        if (to > from) pieces.push({ kind: 'forward', bytes: data.subarray(from, to) });
        from = to;
      };
      while (at < data.length) {
        if (isRaw || bodyLeft > 0) {
          const taken = isRaw ? data.length - at : Math.min(bodyLeft, data.length - at);
          bodyLeft = isRaw ? 0 : bodyLeft - taken;
          at += taken;
          continue;
        }
        if (data[at] !== rules.magic) {
          isRaw = true;
          continue;
        }
        if (data.length - at < headerBytes) break;
        const opcode = data[at + 1] ?? 0;
        const bodyBytes = data.readUInt32BE(at + 8);
        const isMarker = rules.isMarker(opcode) && bodyBytes === 0;
        if (isMarker || rules.isWhole(opcode, bodyBytes)) {
          const end = at + headerBytes + bodyBytes;
          if (end > data.length) break;
          flush(at);
          pieces.push((isMarker ? rules.marker : rules.whole)(data.subarray(at, end)));
          from = end;
          at = end;
          continue;
        }
        at += headerBytes;
        bodyLeft = bodyBytes;
      }
      flush(at);
      held = Buffer.from(data.subarray(at));
      return pieces;
    },
  };
}

type ForwardPiece = { readonly kind: 'forward'; readonly bytes: Buffer };
