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
import { type EndpointConfiguration, orderedNodes } from './configuration.ts';
import { dialFirst } from './dial.ts';
import type { Protocol, RequestPiece } from './streams.ts';
import { createTextReplies } from './text-replies.ts';
import { createTextRequests } from './text-requests.ts';

/** How long a client may take to read its last bytes and close, after the end was sent. */
const lingerMs = 10_000;

interface SessionContext {
  /** The newest configuration: an answer that waited shows the list of the moment it is sent. */
  readonly configuration: () => EndpointConfiguration;
  readonly onAnswered: (ask: LocalAsk) => void;
}

/** Serves until either side ends. Destroying `client` ends it at once. */
export function serveSession(client: Socket, context: SessionContext): void {
  let protocol: Protocol | undefined;
  let upstream: Socket | undefined;
  let isDialling = false;
  /** No more requests are taken: quit, cut, or the node is gone. */
  let isClosing = false;
  let hasClientEnded = false;
  /** Requests went to the node since the last marker: its replies may still be under way. */
  let isNodeBusy = false;
  const waiting: RequestPiece[] = [];
  /** What the coming marker replies stand for, in order: an answer of ours, or the client's own request. */
  const expected: (LocalAsk | 'of-client')[] = [];

  client.setNoDelay(true);
  client.setKeepAlive(true, 60_000);
  client.on('data', (chunk: Buffer) => {
    if (isClosing) return;
    protocol ??= protocolOf(chunk);
    waiting.push(...protocol.requests.push(chunk));
    work(protocol);
  });
  client.on('end', () => {
    hasClientEnded = true;
    finishWhenDone();
  });
  client.on('drain', regulate);
  client.on('error', () => client.destroy());
  client.on('close', () => upstream?.destroy());

  function work(speaking: Protocol): void {
    for (let piece = waiting[0]; piece !== undefined && !isClosing; piece = waiting[0]) {
      if (piece.kind !== 'local' && piece.kind !== 'cut' && upstream === undefined) {
        if (piece.kind === 'quit') close();
        else if (!isDialling) void dial(speaking);
        return;
      }
      waiting.shift();
      take(piece, speaking);
    }
    finishWhenDone();
    regulate();
  }

  function take(piece: RequestPiece, speaking: Protocol): void {
    switch (piece.kind) {
      case 'forward':
        isNodeBusy = true;
        upstream?.write(piece.bytes);
        return;
      case 'forward-marker':
        isNodeBusy = true;
        expected.push('of-client');
        upstream?.write(piece.bytes);
        return;
      case 'local':
        if (!isNodeBusy && expected.length === 0) {
          reply(piece.ask);
          return;
        }
        isNodeBusy = false;
        expected.push(piece.ask);
        upstream?.write(speaking.marker);
        return;
      case 'quit':
        upstream?.write(piece.bytes);
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
    regulate();
    const socket = await dialFirst(orderedNodes(context.configuration().nodes));
    isDialling = false;
    if (client.destroyed) return void socket?.destroy();
    if (socket === undefined) {
      client.write(unreachable(speaking.name));
      return close();
    }
    upstream = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => passReplies(chunk, speaking));
    socket.on('drain', regulate);
    socket.on('error', () => socket.destroy());
    socket.on('close', endClient);
    work(speaking);
  }

  function passReplies(chunk: Buffer, speaking: Protocol): void {
    for (const piece of speaking.replies.push(chunk)) {
      const stands = piece.kind === 'marker' ? expected.shift() : undefined;
      if (stands === undefined || stands === 'of-client') client.write(piece.bytes);
      else reply(stands);
    }
    regulate();
  }

  function reply(ask: LocalAsk): void {
    client.write(answer(ask, context.configuration()));
    context.onAnswered(ask);
  }

  /** Nobody's bytes pile up here: a side is read only while the other side takes what it gets. */
  function regulate(): void {
    const isClientSlow = client.writableNeedDrain;
    const isNodeSlow = upstream?.writableNeedDrain ?? false;
    // While closing the client is still read (and ignored), or its own end would never be noticed.
    if (!isClosing && (isDialling || isClientSlow || isNodeSlow)) client.pause();
    else client.resume();
    if (isClientSlow) upstream?.pause();
    else upstream?.resume();
  }

  function finishWhenDone(): void {
    if (hasClientEnded && waiting.length === 0 && !isDialling) close();
  }

  /** Takes no more requests; what the node still has to say reaches the client first. */
  function close(): void {
    if (isClosing) return;
    isClosing = true;
    waiting.length = 0;
    if (upstream === undefined) endClient();
    else upstream.end();
    regulate();
  }

  function endClient(): void {
    isClosing = true;
    client.end(() => setTimeout(() => client.destroy(), lingerMs).unref());
    regulate();
  }
}

function protocolOf(chunk: Buffer): Protocol {
  if (chunk[0] === 0x80) {
    return {
      name: 'binary',
      marker: binaryMarker,
      requests: createBinaryRequests(),
      replies: createBinaryReplies(),
    };
  }
  const marker = Buffer.from('version\r\n');
  return { name: 'text', marker, requests: createTextRequests(), replies: createTextReplies() };
}
