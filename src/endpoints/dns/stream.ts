/** DNS over TCP: messages with their length in two bytes before them (RFC 1035 §4.2.2), one after the other. */
import type { Socket } from 'node:net';
import type { ZoneAnswer } from './answer.ts';
import { encodeAnswer, parseQuery, type Query, queryBytesMax } from './message.ts';

/** A client that says nothing for this long is sent away (RFC 7766 leaves it to us: a few seconds). */
const idleMs = 5_000;
const messageBytesMax = 65_535;

/** Serves one connection until it ends; a malformed message ends it. */
export function serveStream(socket: Socket, respond: (query: Query) => Promise<ZoneAnswer>): void {
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  serve(socket, respond).then(
    () => socket.end(),
    () => socket.destroy(),
  );
}

/** One message at a time: a client that does not read its answers is not read from either. */
async function serve(socket: Socket, respond: (query: Query) => Promise<ZoneAnswer>): Promise<void> {
  let buffered = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 2) {
      const length = buffered.readUInt16BE(0);
      if (length > queryBytesMax) return;
      if (buffered.length < 2 + length) break;
      const query = parseQuery(buffered.subarray(2, 2 + length));
      if (!query) return;
      buffered = buffered.subarray(2 + length);
      await write(socket, encodeAnswer(query, await respond(query), messageBytesMax));
    }
  }
}

function write(socket: Socket, message: Buffer): Promise<void> {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return new Promise((resolve, reject) => {
    socket.write(Buffer.concat([length, message]), (error) => (error ? reject(error) : resolve()));
  });
}
