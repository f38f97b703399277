/**
 * One client's connection: discovery requests are answered here, everything else is spliced to a node.
 *
 * The node is dialled when the first request needs it, so that a client that only discovers costs one socket. It
 * is the first of the list that accepts: clients without auto discovery, which use this endpoint as if it were a
 * cache, then all find the same values. A node that is lost later takes the connection with it, as its own end
 * would; the client connects again and gets another.
 */
import type { Socket } from 'node:net';
import { answer, type LocalAsk, unreachable } from './answers.ts';
import { binaryMarker, createBinaryReplies, createBinaryRequests } from './binary-frames.ts';
import { type DiscoveryForm, type EndpointConfiguration, orderedNodes } from './configuration.ts';
import { dialFirst } from './dial.ts';
import type { FairTurns } from './fair-turns.ts';
import { type Inbox, openInbox } from './inbox.ts';
import type { Protocol, RequestPiece } from './streams.ts';
import { createTextReplies } from './text-replies.ts';
import { createTextRequests } from './text-requests.ts';

/** How long a client may take to read its last bytes and close, after the end was sent. */
const lingerMs = 10_000;
/** What is worked on in one turn: about 200 requests, or 3,000 replies, of the shortest kind. Half a millisecond each. */
const requestBytesPerTurn = 4 * 1024;
const replyBytesPerTurn = 16 * 1024;

interface SessionContext {
  /** The newest configuration: an answer that waited shows the list of the moment it is sent. */
  readonly configuration: () => EndpointConfiguration;
  readonly turns: FairTurns;
  /** The client has sent something. */
  readonly onAsked: () => void;
  readonly onAnswered: (ask: LocalAsk) => void;
}

/** A node, once it is connected. */
interface Upstream {
  readonly socket: Socket;
  readonly replies: Inbox;
  isGone: boolean;
}

/** Serves until either side ends. Destroying `client` ends it at once. */
export function serveSession(client: Socket, context: SessionContext): void {
  let protocol: Protocol | undefined;
  let upstream: Upstream | undefined;
  let isDialling = false;
  /** No more requests are taken: quit, cut, or the node is gone. */
  let isClosing = false;
  /** Our own end is sent. */
  let isEnded = false;
  let hasClientEnded = false;
  /** Requests went to the node since the last marker: its replies may still be under way. */
  let isNodeBusy = false;
  const waiting: RequestPiece[] = [];
  /** What the coming marker replies stand for, in order: an answer of ours, or the client's own request. */
  const expected: (LocalAsk | 'of-client')[] = [];

  const wake = () => context.turns.ready(turn);
  client.setNoDelay(true);
  client.setKeepAlive(true, 60_000);
  const requests = openInbox(client, wake);
  client.on('end', () => {
    hasClientEnded = true;
    wake();
  });
  client.on('drain', wake);
  client.on('error', () => client.destroy());
  client.on('close', () => upstream?.socket.destroy());

  /** Nobody's bytes pile up here: a side is listened to only while the other side takes what it gets. */
  function turn(): boolean {
    if (client.destroyed) return false;
    client.cork();
    upstream?.socket.cork();
    if (upstream && protocol && canReply()) passReplies(upstream.replies.take(replyBytesPerTurn), protocol);
    if (canAsk()) takeRequests();
    upstream?.socket.uncork();
    client.uncork();
    if (upstream?.isGone && upstream.replies.isEmpty) endClient();
    if (hasClientEnded && requests.isEmpty && waiting.length === 0 && !isDialling) close();
    return canReply() || canAsk();
  }

  function canReply(): boolean {
    return upstream !== undefined && !upstream.replies.isEmpty && !client.writableNeedDrain;
  }

  function canAsk(): boolean {
    if (isClosing || isDialling || client.writableNeedDrain || upstream?.socket.writableNeedDrain)
      return false;
    return waiting.length > 0 || !requests.isEmpty;
  }

  function takeRequests(): void {
    if (waiting.length === 0) {
      const bytes = requests.take(requestBytesPerTurn);
      context.onAsked();
      protocol ??= protocolOf(bytes, context.configuration().form);
      waiting.push(...protocol.requests.push(bytes));
    }
    for (let piece = waiting[0]; piece !== undefined && protocol; piece = waiting[0]) {
      if (piece.kind !== 'local' && piece.kind !== 'cut' && upstream === undefined) {
        if (piece.kind === 'quit') close();
        else void dial(protocol);
        return;
      }
      waiting.shift();
      take(piece, protocol);
      if (isClosing || client.writableNeedDrain) return;
    }
  }

  function take(piece: RequestPiece, speaking: Protocol): void {
    switch (piece.kind) {
      case 'forward':
        isNodeBusy = true;
        upstream?.socket.write(piece.bytes);
        return;
      case 'forward-marker':
        isNodeBusy = true;
        expected.push('of-client');
        upstream?.socket.write(piece.bytes);
        return;
      case 'local':
        if (!isNodeBusy && expected.length === 0) {
          reply(piece.ask);
          return;
        }
        isNodeBusy = false;
        expected.push(piece.ask);
        upstream?.socket.write(speaking.marker);
        return;
      case 'quit':
        upstream?.socket.write(piece.bytes);
        close();
        return;
      case 'cut':
        close();
        return;
      default:
        piece satisfies never;
    }
  }

  async function dial(speaking: Protocol): Promise<void> {
    isDialling = true;
    const socket = await dialFirst(orderedNodes(context.configuration().nodes));
    isDialling = false;
    if (client.destroyed) return void socket?.destroy();
    if (socket === undefined) {
      client.write(unreachable(speaking.name));
      return close();
    }
    const dialled: Upstream = { socket, replies: openInbox(socket, wake), isGone: false };
    upstream = dialled;
    socket.setNoDelay(true);
    socket.on('drain', wake);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      dialled.isGone = true;
      wake();
    });
    wake();
  }

  function passReplies(bytes: Buffer, speaking: Protocol): void {
    for (const piece of speaking.replies.push(bytes)) {
      const stands = piece.kind === 'marker' ? expected.shift() : undefined;
      if (stands === undefined || stands === 'of-client') client.write(piece.bytes);
      else reply(stands);
    }
  }

  function reply(ask: LocalAsk): void {
    client.write(answer(ask, context.configuration()));
    context.onAnswered(ask);
  }

  /** Takes no more requests; what the node still has to say reaches the client first. */
  function close(): void {
    if (isClosing) return;
    isClosing = true;
    waiting.length = 0;
    requests.drop();
    if (upstream === undefined) endClient();
    else upstream.socket.end();
  }

  function endClient(): void {
    if (isEnded) return;
    isEnded = true;
    isClosing = true;
    waiting.length = 0;
    requests.drop();
    client.end(() => setTimeout(() => client.destroy(), lingerMs).unref());
  }
}

function protocolOf(chunk: Buffer, form: DiscoveryForm): Protocol {
  if (chunk[0] === 0x80) {
    return {
      name: 'binary',
      marker: binaryMarker,
      requests: createBinaryRequests(),
      replies: createBinaryReplies(),
    };
  }
  const marker = Buffer.from('version\r\n');
  return { name: 'text', marker, requests: createTextRequests(form), replies: createTextReplies() };
}
