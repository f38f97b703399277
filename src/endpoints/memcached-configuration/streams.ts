/**
 * How a connection's two byte streams are cut up, without knowing sockets.
 *
 * Order between a node's replies and our own answers is kept by a **marker**: before an answer of ours that must
 * wait for replies still under way, a harmless request is sent to the node (`version`, or the binary no-op), whose
 * reply shows the place. Counting the replies that are due instead would have to foresee `noreply`, quiet
 * commands, and every error. A client's own marker-like requests are counted along.
 */
import type { LocalAsk } from './answers.ts';

export type RequestPiece =
  | { readonly kind: 'forward'; readonly bytes: Buffer }
  /** The client's own `version` or no-op: forwarded, and its reply looks like a marker's. */
  | { readonly kind: 'forward-marker'; readonly bytes: Buffer }
  | { readonly kind: 'local'; readonly ask: LocalAsk }
  | { readonly kind: 'quit'; readonly bytes: Buffer }
  /** The client broke the protocol's bounds: read no more from it. */
  | { readonly kind: 'cut' };

export type ReplyPiece =
  | { readonly kind: 'forward'; readonly bytes: Buffer }
  | { readonly kind: 'marker'; readonly bytes: Buffer };

/** Fed with chunks however the network split them; what is incomplete is held until the rest comes. */
export interface ByteStream<Piece> {
  push(chunk: Buffer): Piece[];
}

export interface Protocol {
  readonly name: 'text' | 'binary';
  /** The request whose reply is a marker. It touches no item and no statistic but the byte counts. */
  readonly marker: Buffer;
  readonly requests: ByteStream<RequestPiece>;
  readonly replies: ByteStream<ReplyPiece>;
}
