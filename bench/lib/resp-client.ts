/**
 * A bare client of the engines' protocol: what a measurement needs, and nothing between it and the socket. It never
 * reconnects.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Address {
  readonly address: string;
  readonly port: number;
  /** PEM of whom to trust there: it speaks TLS. */
  readonly ca?: string;
}

export const addressText = ({ address, port }: Address): string => `${address}:${port}`;

/** An error that the server answered; its first word is the code. */
export class RespError extends Error {
  override readonly name = 'RespError';
}

export type Reply = string | number | null | RespError | readonly Reply[];

export interface RespClient {
  readonly target: Address;
  readonly isOpen: boolean;
  /** Rejects when the connection ends first. A refusal is a `RespError` in the reply's place, not thrown. */
  send(...command: readonly (string | number)[]): Promise<Reply>;
  /** Like `send`, but throws what the server refuses. */
  ask(...command: readonly (string | number)[]): Promise<Exclude<Reply, RespError>>;
  close(): void;
}

/** Rejects when the server refuses, or does not accept within the deadline. */
export function connectResp(target: Address, deadlineMs = 5_000): Promise<RespClient> {
  return new Promise((resolve, reject) => {
    const at = { host: target.address, port: target.port, noDelay: true };
    const socket = target.ca === undefined ? connect(at) : connectTls({ ...at, ca: target.ca });
    const timer = setTimeout(
      () => socket.destroy(new Error(`${addressText(target)} does not accept`)),
      deadlineMs,
    );
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
    socket.once(target.ca === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer);
      resolve(wrap(socket, target));
    });
  });
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

function wrap(socket: Socket, target: Address): RespClient {
  const waiting: Waiting[] = [];
  let rest: Buffer = Buffer.alloc(0);
  socket.on('error', () => {}); // 'close' tells
  socket.on('close', () => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`${addressText(target)} hung up`));
  });
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (;;) {
      const parsed = parseReply(rest, at);
      if (!parsed) break;
      at = parsed.next;
      waiting.shift()?.resolve(parsed.reply);
    }
    rest = rest.subarray(at);
  });
  const send = (...command: readonly (string | number)[]): Promise<Reply> =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new Error(`${addressText(target)} hung up`));
        return;
      }
      waiting.push({ resolve, reject });
      socket.write(encodeCommand(command));
    });
  return {
    target,
    get isOpen() {
      return !socket.destroyed;
    },
    send,
    async ask(...command) {
      const reply = await send(...command);
      if (reply instanceof RespError) throw new Error(`${command[0]}: ${reply.message}`, { cause: reply });
      return reply;
    },
    close: () => void socket.destroy(),
  };
}

/** One command to one server, on a connection of its own. */
export async function askOnce(
  target: Address,
  ...command: readonly (string | number)[]
): Promise<Exclude<Reply, RespError>> {
  const client = await connectResp(target);
  try {
    return await client.ask(...command);
  } finally {
    client.close();
  }
}

export function encodeCommand(command: readonly (string | number)[]): string {
  let text = `*${command.length}\r\n`;
  for (const part of command) {
    const word = String(part);
    text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
  }
  return text;
}

interface Parsed {
  readonly reply: Reply;
  readonly next: number;
}

/** Null when the buffer does not hold the whole reply yet. */
function parseReply(buffer: Buffer, from: number): Parsed | null {
  const end = buffer.indexOf('\r\n', from);
  if (end === -1) return null;
  const kind = buffer[from];
  const text = buffer.toString('latin1', from + 1, end);
  const next = end + 2;
  switch (kind) {
    case 0x2b: // +
      return { reply: text, next };
    case 0x2d: // -
      return { reply: new RespError(text), next };
    case 0x3a: // :
      return { reply: Number(text), next };
    case 0x24: // $
      return parseBulk(buffer, next, Number(text));
    case 0x2a: // *
      return parseArray(buffer, next, Number(text));
    default:
      throw new Error(`not a reply: ${JSON.stringify(text.slice(0, 50))}`);
  }
}

function parseBulk(buffer: Buffer, from: number, length: number): Parsed | null {
  if (length < 0) return { reply: null, next: from };
  if (buffer.length < from + length + 2) return null;
  return { reply: buffer.toString('utf8', from, from + length), next: from + length + 2 };
}

function parseArray(buffer: Buffer, from: number, length: number): Parsed | null {
  if (length < 0) return { reply: null, next: from };
  const replies: Reply[] = [];
  let next = from;
  for (let index = 0; index < length; index += 1) {
    const parsed = parseReply(buffer, next);
    if (!parsed) return null;
    replies.push(parsed.reply);
    next = parsed.next;
  }
  return { reply: replies, next };
}
