/**
 * The HTTP server that everybody talks to: ElastiCache's API at `/`, Limber's own at `/admin/<name>`, and
 * `/healthz`. It bounds what a client may cost (header and body size, time, memory, connections, requests at
 * once), and what is given up at a bound is a stranger's, not a signed client's. It sends no CORS header: a page in a browser can
 * neither read an answer nor sign a request.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ServiceError } from '../model/service-errors.ts';
import { hardLimitOfOpenFiles } from '../platform/open-files.ts';
import { answerAdmin } from './admin-api.ts';
import { answerParseError, endJson, endXmlError } from './answer.ts';
import { createBodyBudget } from './body-budget.ts';
import { createConnections } from './connections.ts';
import type { FrontDoor, FrontDoorLimits, FrontDoorOptions } from './contract.ts';
import { createExchange, type Exchange, type FrontDoorSettings } from './exchange.ts';
import { answerQuery } from './query-api.ts';

const defaultLimits: FrontDoorLimits = {
  concurrentRequestsMax: 256,
  // Of the files that Limber may open, engines need some, too: a connection that cannot be accepted keeps everybody out.
  connectionsMax: Math.min(1024, Math.floor(hardLimitOfOpenFiles() / 2)),
  bodyBytesMax: 1024 * 1024,
  bodiesBytesMax: 16 * 1024 * 1024,
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 60_000,
  closeGraceMs: 800,
};

export function createFrontDoor(options: FrontDoorOptions): FrontDoor {
  const limits: FrontDoorLimits = { ...defaultLimits, ...options.limits };
  const connections = createConnections(limits.connectionsMax);
  /** Not answered yet. */
  const running = new Set<Exchange>();
  /** Signed and in work, until that is done: also when the client goes away before. */
  const working = new Set<Exchange>();
  const settings: FrontDoorSettings = {
    ...options,
    limits,
    bodies: createBodyBudget(limits.bodiesBytesMax),
    enter(exchange) {
      if (working.size >= limits.concurrentRequestsMax) throw tooBusy(exchange);
      working.add(exchange);
      connections.work(exchange.request.socket);
    },
  };
  const server = createBoundedServer(limits);
  let closed: Promise<void> | undefined;

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const exchange = createExchange(settings, request, response);
    if (closed) response.setHeader('Connection', 'close');
    running.add(exchange);
    route(settings, exchange)
      .catch((error: unknown) => {
        settings.log.error('a request could not be answered', { requestId: exchange.requestId, error });
        request.socket.destroy();
      })
      .finally(() => {
        running.delete(exchange);
        if (working.delete(exchange)) connections.rest(request.socket);
      });
  };
  server.on('connection', connections.admit);
  server.on('request', onRequest);
  // "100 Continue" is said when the body is wanted, not before the signature's claim is checked.
  server.on('checkContinue', onRequest);
  server.on('clientError', answerParseError);
  return {
    listen: (host, port) => listen(server, host, port),
    close: () => {
      closed ??= close(server, connections.all(), running, limits.closeGraceMs);
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
  endJson(exchange.response, 200, { ...settings.health(), pid: process.pid });
}

function answerMethod(exchange: Exchange, allowed: string): Promise<void> {
  exchange.response.setHeader('Allow', allowed);
  return refuse(exchange, new ServiceError('MethodNotAllowed', `This path answers to ${allowed} only.`));
}

function tooBusy({ response }: Exchange): ServiceError {
  response.setHeader('Retry-After', '1');
  return new ServiceError('ServiceUnavailable', 'Too many requests are in work at once. Try again.');
}

async function refuse(exchange: Exchange, error: ServiceError): Promise<void> {
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
  sockets: Iterable<Socket>,
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
