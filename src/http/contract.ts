/** What the front door takes from the rest of Limber, and what it gives to handlers. */
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { ActionInput, ActionName, ActionOutput } from '../protocol/query/index.ts';
import type { LookUpCredential } from '../protocol/sigv4/index.ts';

export interface RequestContext {
  readonly account: string;
  readonly region: string;
  readonly accessKeyId: string;
  /** Also in the answer and in the log. */
  readonly requestId: string;
  /** When the request arrived. */
  readonly now: Date;
  /** Aborted when the client has gone or the server is about to close: stop waiting, answer with what is known. */
  readonly signal: AbortSignal;
}

/** Throws ServiceError for everything that the user shall read; anything else becomes InternalFailure. */
export type ActionHandler<A extends ActionName> = (
  input: ActionInput<A>,
  context: RequestContext,
) => Promise<ActionOutput<A>>;

export type ActionHandlers = { readonly [A in ActionName]?: ActionHandler<A> };

/** JSON in, JSON out. The body is undefined when the request has none. */
type AdminHandler = (body: unknown, context: RequestContext) => Promise<unknown>;

export interface FrontDoorLimits {
  /** Signed requests in work at once; more answer 503. Default 256. */
  readonly concurrentRequestsMax: number;
  /** Open connections; one more ends the idlest. Default 1024, or half of the files that may be open. */
  readonly connectionsMax: number;
  /** Default 1 MiB. */
  readonly bodyBytesMax: number;
  /** Of all bodies that are under way; one more byte gives up the largest. Default 16 MiB. */
  readonly bodiesBytesMax: number;
  /** Default 16 KiB. */
  readonly headerBytesMax: number;
  /** From the connection, or the first byte of a later request, to the end of the headers. Default 10 s. */
  readonly headersTimeoutMs: number;
  /** From the first byte to the end of the body. Default 30 s. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept. Default 60 s: longer than SDKs pause between polls (15 s). */
  readonly keepAliveTimeoutMs: number;
  /** How long `close` lets running requests go on; halfway their signal is aborted. Default 800 ms. */
  readonly closeGraceMs: number;
}

export interface FrontDoorOptions {
  readonly actions: ActionHandlers;
  /** `POST /admin/<name>`, signed for the service `limber`. */
  readonly adminRoutes?: Readonly<Record<string, AdminHandler>>;
  readonly lookUpCredential: LookUpCredential;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly newRequestId: () => string;
  readonly log: Log;
  /** Added to the answer of `GET /healthz`, which has the pid by itself. */
  readonly health: () => object;
  readonly limits?: Partial<FrontDoorLimits>;
}

export interface FrontDoor {
  /** Port 0 takes a free one. Rejects when the address cannot be had. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** Ends within `closeGraceMs` and a little; may be called again. */
  close(): Promise<void>;
}
