/** Reading request bodies, never more than is allowed. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '../model/service-errors.ts';
import type { BodyBudget } from './body-budget.ts';

/**
 * A client whose connection ends while it still sends sees a reset instead of the answer, so a body that is not
 * wanted is thrown away for a while after the answer. Both figures are judgements.
 */
const discardBytesMax = 8 * 1024 * 1024;
const discardMsMax = 2_000;

/** Where a body's memory begins; it doubles. Most bodies are smaller. */
const firstBytes = 4 * 1024;

/** Thrown when the client has gone, so that nobody is left to answer to. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/**
 * Throws RequestEntityTooLarge beyond `bytesMax`, ServiceUnavailable when the memory is needed for others, and ClientGone
 * when the client goes away in the middle.
 */
export async function readBody(
  response: ServerResponse,
  bytesMax: number,
  budget: BodyBudget,
): Promise<Buffer> {
  const request = response.req;
  if (saysTooLarge(request, bytesMax)) throw tooLarge(bytesMax);
  // The client waits for our word before it sends: by now we want to read.
  if (asksFirst(request)) response.writeContinue();
  const givenUp = new AbortController();
  const share = budget.open(() => givenUp.abort());
  const body = createBodyBuffer(bytesMax, share.take);
  try {
    const isComplete = await readWhile(request, body.add, givenUp.signal);
    if (isComplete) return body.bytes();
    if (!givenUp.signal.aborted) throw tooLarge(bytesMax);
    response.setHeader('Retry-After', '1');
    throw new ServiceError('ServiceUnavailable', 'Too much is being sent at once. Try again.');
  } finally {
    share.end();
  }
}

/**
 * One piece of memory that grows, instead of the chunks themselves: a body that comes byte by byte would take hundreds of
 * times its size.
 */
function createBodyBuffer(bytesMax: number, onGrown: (bytes: number) => void) {
  let memory: Buffer = Buffer.alloc(0);
  let length = 0;
  return {
    /** False when it does not fit any more. */
    add(chunk: Buffer): boolean {
      const needed = length + chunk.length;
      if (needed > bytesMax) return false;
      if (needed > memory.length) {
        const grown = Buffer.allocUnsafeSlow(
          Math.min(bytesMax, Math.max(needed, 2 * memory.length, firstBytes)),
        );
        memory.copy(grown, 0, 0, length);
        onGrown(grown.length - memory.length);
        memory = grown;
      }
      chunk.copy(memory, length);
      length = needed;
      return true;
    },
    bytes: (): Buffer => memory.subarray(0, length),
  };
}

/** Judged by Content-Length alone; a chunked body is counted while it is read. */
function saysTooLarge(request: IncomingMessage, bytesMax: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > bytesMax;
}

function asksFirst(request: IncomingMessage): boolean {
  return /^100-continue$/i.test(request.headers.expect ?? '');
}

function tooLarge(bytesMax: number): ServiceError {
  return new ServiceError('RequestEntityTooLarge', `The request body is larger than ${bytesMax} bytes.`);
}

/** Reads and drops what is left of the body, up to a limit. Never throws. */
export async function discardBody(request: IncomingMessage): Promise<void> {
  // A client that waits for "100 Continue" and does not get it sends nothing.
  if (isBodyRead(request) || asksFirst(request)) return;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), discardMsMax);
  let length = 0;
  const take = (chunk: Buffer) => {
    length += chunk.length;
    return length <= discardBytesMax;
  };
  await readWhile(request, take, deadline.signal).catch(() => undefined);
  clearTimeout(timer);
}

/** True when nothing of the body is still to come; otherwise the connection cannot be used again after the answer. */
export function isBodyRead(request: IncomingMessage): boolean {
  if (request.complete || request.destroyed) return true;
  return (
    request.headers['transfer-encoding'] === undefined && Number(request.headers['content-length'] ?? 0) === 0
  );
}

/** Resolves to true when the body has ended, to false when `take` wanted no more or `enough` was called. */
function readWhile(
  request: IncomingMessage,
  take: (chunk: Buffer) => boolean,
  enough: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (result: boolean | ClientGone) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      enough.removeEventListener('abort', onEnough);
      if (typeof result === 'boolean') resolve(result);
      else reject(result);
    };
    const onData = (chunk: Buffer) => {
      if (!take(chunk)) onEnough();
    };
    const onEnd = () => settle(true);
    const onEnough = () => {
      request.pause();
      settle(false);
    };
    const onClose = () => settle(new ClientGone('the client went away while it sent the body'));
    if (request.destroyed && !request.readableEnded) return onClose();
    enough.addEventListener('abort', onEnough);
    request.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
    request.resume();
  });
}
