/**
 * The HTTP server that everybody talks to: ElastiCache's API at `/`, Limber's own at `/admin/<name>`, and
 * `/healthz`. It bounds what a client may cost (header and body size, time, connections, requests at once) and
 * sends no CORS header: a page in a browser can neither read an answer nor sign a request.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ServiceError } from '../model/service-errors.ts';
import { answerAdmin } from './admin-api.ts';
import { answerParseError, endJson, endXmlError } from './answer.ts';
import type { FrontDoor, FrontDoorLimits, FrontDoorOptions } from './contract.ts';
import { createExchange, type Exchange, type FrontDoorSettings } from './exchange.ts';
import { answerQuery } from './query-api.ts';
import { discardBody, saysTooLarge } from './request-body.ts';

const defaultLimits: FrontDoorLimits = {
  concurrentRequestsMax: 256,
  connectionsMax: 1024,
  bodyBytesMax: 1024 * 1024,
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 60_000,
  closeGraceMs: 800,
};

export function createFrontDoor(options: FrontDoorOptions): FrontDoor {
  const settings: FrontDoorSettings = { ...options, limits: { ...defaultLimits, ...options.limits } };
  const server = createBoundedServer(settings.limits);
  const running = new Set<Exchange>();
  const sockets = new Set<Socket>();
  let closed: Promise<void> | undefined;

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const exchange = createExchange(settings, request, response);
    if (closed) response.setHeader('Connection', 'close');
    const isBusy = running.size >= settings.limits.concurrentRequestsMax;
    // Health is told even then: who asks wants to know whether we live.
    const answered = isBusy && request.url !== '/healthz' ? answerBusy(exchange) : route(settings, exchange);
    // Counted until its work is done, also when the client goes away before.
    running.add(exchange);
    answered
      .catch((error: unknown) => {
        settings.log.error('a request could not be answered', { requestId: exchange.requestId, error });
        request.socket.destroy();
      })
      .finally(() => running.delete(exchange));
  };
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', onRequest);
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // A body that says it is too large is refused before it is sent.
    if (!saysTooLarge(request, settings.limits.bodyBytesMax)) response.writeContinue();
    onRequest(request, response);
  });
  server.on('clientError', answerParseError);
  return {
    listen: (host, port) => listen(server, host, port),
    close: () => {
      closed ??= close(server, sockets, running, settings.limits.closeGraceMs);
      return closed;
    },
  };
}

function createBoundedServer(limits: FrontDoorLimits): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // Node looks for expired requests only this often; its default of 30 s would make the limits above 40 and 60 s.
    connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
  });
  server.maxConnections = limits.connectionsMax;
  // Node would drop headers beyond 2,000 unseen; their bytes are bounded above.
  server.maxHeadersCount = 0;
  // A client that does not read its answer.
  server.timeout = 2 * limits.requestTimeoutMs;
  return server;
}

async function route(settings: FrontDoorSettings, exchange: Exchange): Promise<void> {
  const { method = '', url = '' } = exchange.request;
  const path = url.split('?', 1)[0] ?? '';
  if (path === '/') {
    if (method === 'POST' || method === 'GET') return answerQuery(settings, exchange);
    return answerMethod(exchange, 'GET, POST');
  }
  if (path === '/healthz') {
    if (method === 'GET' || method === 'HEAD') return answerHealth(settings, exchange);
    return answerMethod(exchange, 'GET, HEAD');
  }
  const admin = /^\/admin\/([a-z][a-z0-9-]*)$/.exec(path);
  if (admin) {
    if (method === 'POST') return answerAdmin(settings, exchange, admin[1]!);
    return answerMethod(exchange, 'POST');
  }
  return refuse(exchange, new ServiceError('UnknownOperationException', 'There is nothing at this path.'));
}

async function answerHealth(settings: FrontDoorSettings, exchange: Exchange): Promise<void> {
  await discardBody(exchange.request);
  endJson(exchange.response, 200, { ...settings.health(), pid: process.pid });
}

function answerMethod(exchange: Exchange, allowed: string): Promise<void> {
  exchange.response.setHeader('Allow', allowed);
  return refuse(exchange, new ServiceError('MethodNotAllowed', `This path answers to ${allowed} only.`));
}

/** Read nothing here: there are too many already. */
async function answerBusy(exchange: Exchange): Promise<void> {
  exchange.response.setHeader('Retry-After', '1');
  exchange.response.setHeader('Connection', 'close');
  endXmlError(
    exchange,
    new ServiceError('ServiceUnavailable', 'Too many requests are in work at once. Try again.'),
  );
}

async function refuse(exchange: Exchange, error: ServiceError): Promise<void> {
  await discardBody(exchange.request);
  endXmlError(exchange, error);
}

async function listen(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  server.listen({ host, port });
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return { host: address.address, port: address.port };
}

/** Idle connections end at once, running requests when they are answered or the time is up. */
async function close(
  server: Server,
  sockets: ReadonlySet<Socket>,
  running: ReadonlySet<Exchange>,
  graceMs: number,
): Promise<void> {
  if (!server.listening) return;
  const ended = once(server, 'close');
  server.close();
  const busy = new Set<Socket>();
  for (const { request, response } of running) {
    busy.add(request.socket);
    if (!response.headersSent) response.setHeader('Connection', 'close');
  }
  // Node's own notion of idle leaves out connections that have not sent a whole request yet.
  for (const socket of sockets) {
    if (!busy.has(socket)) socket.destroySoon();
  }
  const abort = setTimeout(() => {
    for (const exchange of running) exchange.abort.abort();
  }, graceMs / 2);
  const destroy = setTimeout(() => server.closeAllConnections(), graceMs);
  await ended;
  clearTimeout(abort);
  clearTimeout(destroy);
}
