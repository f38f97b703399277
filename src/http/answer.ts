/** Writing answers. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ServiceError } from '../model/service-errors.ts';
import { encodeError } from '../protocol/query/index.ts';
import type { Exchange, FrontDoorSettings } from './exchange.ts';
import { ClientGone, discardBody, isBodyRead } from './request-body.ts';

/** Connections on which the last answer has been sent. */
const answered = new WeakSet<Duplex>();

/** Does nothing when the client has gone. */
function endAnswer(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.destroyed || response.writableEnded) return;
  const isLast = !isBodyRead(response.req);
  if (isLast) response.setHeader('Connection', 'close');
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': bytes.length });
  if (!isLast) {
    response.end(bytes);
    return;
  }
  // The client has its answer at once; the connection ends when it has sent what it was about to.
  answered.add(response.req.socket);
  response.write(bytes);
  void discardBody(response.req).then(() => response.end());
}

export function endXml(response: ServerResponse, status: number, body: string): void {
  endAnswer(response, status, 'text/xml', body);
}

export function endJson(response: ServerResponse, status: number, body: unknown): void {
  endAnswer(response, status, 'application/json', JSON.stringify(body));
}

export function endXmlError({ response, requestId }: Exchange, error: ServiceError): void {
  endXml(response, error.status, encodeError(error, requestId));
}

export function endJsonError({ response, requestId }: Exchange, error: ServiceError): void {
  endJson(response, error.status, { error: { code: error.code, message: error.message }, requestId });
}

/**
 * What the user may read of a failure. Anything that is not a ServiceError is a defect: it goes to the log with its
 * stack, and the user gets a request id to find it by. Null when nobody is left to answer to.
 */
export function userError(
  settings: FrontDoorSettings,
  exchange: Exchange,
  error: unknown,
): ServiceError | null {
  if (error instanceof ServiceError) return error;
  if (error instanceof ClientGone) return null;
  if (exchange.abort.signal.aborted && error instanceof Error && error.name === 'AbortError') {
    return new ServiceError(
      'ServiceUnavailable',
      'Limber stopped working on this request because it is closing.',
    );
  }
  const { requestId } = exchange;
  settings.log.error('a request failed for a reason that is ours', { requestId, error });
  const message = `Limber failed to answer because of an error of its own. Its log has the cause under request id ${requestId}.`;
  return new ServiceError('InternalFailure', message);
}

const parseErrorStatuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** For bytes that are not HTTP, headers that are too large and requests that take too long. */
export function answerParseError(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET' || answered.has(socket)) {
    socket.destroy();
    return;
  }
  const status = parseErrorStatuses[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
