/** DNS messages: what may be answered at all, and answers as bytes. Pure. Sources: RFC 1035 §4, RFC 6891 (EDNS0). */
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  CHECKING_DISABLED,
  type DecodedPacket,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  type Question,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import { type Rcode, rcodes, type ZoneAnswer } from './answer.ts';

export interface Query {
  readonly id: number;
  readonly question: Question;
  /** Opcode 0; the only one that is answered with more than NOTIMP. */
  readonly isStandard: boolean;
  readonly flags: number;
  /** What the client said in an OPT record; null without one. */
  readonly edns: { readonly version: number; readonly payloadBytes: number } | null;
}

/** A question is a name of at most 255 bytes; the rest is room for EDNS options. More is not meant for us. */
export const queryBytesMax = 512;

/** What every client takes without EDNS0. */
const plainPayloadBytes = 512;
/** Fits any network without fragments (DNS flag day 2020); on loopback it only bounds what an answer can weigh. */
const payloadBytesMax = 1232;

/** The query; null for a message that is to be dropped in silence: no query, malformed, or not exactly one question. */
export function parseQuery(message: Buffer): Query | null {
  if (message.length < 12 || message.length > queryBytesMax) return null;
  // Before anything is decoded: the counts decide how much work that is.
  const counts = [4, 6, 8, 10].map((offset) => message.readUInt16BE(offset));
  if (counts[0] !== 1 || counts[1] !== 0 || counts[2] !== 0 || counts[3]! > 2) return null;
  const packet = tryDecode(message);
  const question = packet?.questions?.[0];
  if (!packet || packet.flag_qr || !question) return null;
  const options = (packet.additionals ?? []).filter((one): one is OptAnswer => one.type === 'OPT');
  if (options.length > 1) return null;
  const [opt] = options;
  return {
    id: packet.id ?? 0,
    question,
    isStandard: message.readUInt8(2) >> 3 === 0,
    flags: packet.flags ?? 0,
    edns: opt ? { version: opt.ednsVersion, payloadBytes: opt.udpPayloadSize } : null,
  };
}

/** How many bytes the answer to this query may have over UDP. */
export function payloadLimit({ edns }: Query): number {
  return Math.min(payloadBytesMax, Math.max(plainPayloadBytes, edns?.payloadBytes ?? 0));
}

/** The answer as bytes. What does not fit into `bytesMax` is left out and said to be: the client asks over TCP. */
export function encodeAnswer(query: Query, answer: ZoneAnswer, bytesMax: number): Buffer {
  const whole = encode(packetOf(query, answer, false));
  if (whole.length <= bytesMax) return whole;
  return encode(packetOf(query, { ...answer, answers: [], authorities: [] }, true));
}

/** An answer without records. */
export function failure(rcode: Rcode): ZoneAnswer {
  return { rcode, isAuthoritative: false, answers: [], authorities: [] };
}

function packetOf(query: Query, answer: ZoneAnswer, isTruncated: boolean): Packet {
  const rcode = rcodes[answer.rcode];
  return {
    type: 'response',
    id: query.id,
    flags:
      (query.flags & (RECURSION_DESIRED | CHECKING_DISABLED | opcodeBits)) |
      (answer.isAuthoritative ? AUTHORITATIVE_ANSWER : 0) |
      (isTruncated ? TRUNCATED_RESPONSE : 0) |
      (rcode & 0xf),
    questions: [query.question],
    answers: [...answer.answers],
    authorities: [...answer.authorities],
    additionals: query.edns ? [optRecord(rcode >> 4)] : [],
  };
}

const opcodeBits = 0x7800;

function optRecord(extendedRcode: number): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: payloadBytesMax,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

/**
 * Null unless the question can be given back byte by byte: no compressed name, no dot or foreign character within a
 * label.
 */
function tryDecode(message: Buffer): DecodedPacket | null {
  try {
    const packet = decode(message);
    const echo = encode({ questions: packet.questions ?? [] }).subarray(12);
    return echo.equals(message.subarray(12, 12 + echo.length)) ? packet : null;
  } catch {
    return null; // dns-packet throws all kinds of errors on what it cannot read
  }
}
