/** Reading request bodies, never more than is allowed. */
import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../model/service-errors.ts';

/**
 * A client that is refused while it still sends sees a reset connection instead of the answer, so a body that is
 * not wanted is thrown away for a while first. Both figures are judgements.
 */
const discardBytesMax = 8 * 1024 * 1024;
const discardMsMax = 2_000;

/** Nobody is left to answer to. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** Throws RequestEntityTooLarge beyond `bytesMax`, and ClientGone when the client goes away in the middle. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const isComplete =
    !saysTooLarge(request, bytesMax) &&
    (await readWhile(request, (chunk) => {
      chunks.push(chunk);
      length += chunk.length;
      return length <= bytesMax;
    }));
  if (isComplete) return Buffer.concat(chunks, length);
  await discardBody(request);
  throw new ServiceError('RequestEntityTooLarge', `The request body is larger than ${bytesMax} bytes.`);
}

/** Judged by Content-Length alone; a chunked body is counted while it is read. */
export function saysTooLarge(request: IncomingMessage, bytesMax: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > bytesMax;
}

/** Reads and drops what is left of the body, up to a limit. Never throws. */
export async function discardBody(request: IncomingMessage): Promise<void> {
  // A client that waits for "100 Continue" and does not get it sends nothing.
  if (isBodyRead(request) || request.headers.expect !== undefined) return;
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

/** Nothing of the body is still to come; otherwise the connection cannot be used again after the answer. */
export function isBodyRead(request: IncomingMessage): boolean {
  if (request.complete || request.destroyed) return true;
  return (
    request.headers['transfer-encoding'] === undefined && Number(request.headers['content-length'] ?? 0) === 0
  );
}

/** True when the body has ended, false when `take` wanted no more or the deadline came. */
function readWhile(
  request: IncomingMessage,
  take: (chunk: Buffer) => boolean,
  deadline?: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (result: boolean | ClientGone) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      deadline?.removeEventListener('abort', onDeadline);
      if (typeof result === 'boolean') resolve(result);
      else reject(result);
    };
    const onData = (chunk: Buffer) => {
      if (take(chunk)) return;
      request.pause();
      settle(false);
    };
    const onEnd = () => settle(true);
    const onDeadline = () => settle(false);
    const onClose = () => settle(new ClientGone('the client went away while it sent the body'));
    if (request.destroyed && !request.readableEnded) return onClose();
    deadline?.addEventListener('abort', onDeadline);
    request.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
    request.resume();
  });
}
