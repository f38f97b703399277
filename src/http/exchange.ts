/** One request while it is answered. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodyBudget } from './body-budget.ts';
import type { FrontDoorLimits, FrontDoorOptions } from './contract.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** When the request arrived. */
  readonly now: Date;
  /** Aborted when the client has gone or the server is about to close. */
  readonly abort: AbortController;
}

/** The options with every limit filled in, and what all requests share. */
export interface FrontDoorSettings extends FrontDoorOptions {
  readonly limits: FrontDoorLimits;
  readonly bodies: BodyBudget;
  /** Takes one of the places for requests in work. Throws ServiceUnavailable when there is none. */
  readonly enter: (exchange: Exchange) => void;
}

export function createExchange(
  settings: FrontDoorSettings,
  request: IncomingMessage,
  response: ServerResponse,
): Exchange {
  const requestId = settings.newRequestId();
  const abort = new AbortController();
  const now = new Date(settings.clock.now());
  response.setHeader('x-amzn-RequestId', requestId);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  // By the clock that signatures are judged by: SDKs correct their own by it.
  response.setHeader('Date', now.toUTCString());
  response.once('close', () => {
    if (!response.writableFinished) abort.abort(); // making the reason of an abort is not free
  });
  return { request, response, requestId, now, abort };
}
