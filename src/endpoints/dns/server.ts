/**
 * A small authoritative DNS server for one zone, on 127.0.0.1, over UDP and TCP. It never asks anybody else: other
 * zones are refused, so that a resolver goes on to its next server. An answer is at most a few times as long as its
 * question, and questions come from this machine only.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Log } from '../../platform/log.ts';
import { answerQuestion, type NameRecord, relativeName, rotate, type ZoneAnswer } from './answer.ts';
import { encodeAnswer, failure, parseQuery, payloadLimit, type Query } from './message.ts';
import { serveStream } from './stream.ts';

interface DnsServerOptions {
  /** Lower-case, without a dot at the end. */
  readonly zone: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What is stored under a name of the zone (lower-case, without the zone); null when nothing is. */
  readonly lookUp: (relativeName: string) => Promise<NameRecord | null>;
  readonly log: Log;
}

interface DnsServer {
  readonly port: number;
  /** Resolves when both sockets are closed. */
  close(): Promise<void>;
}

export const defaultDnsPort = 8353;

const host = '127.0.0.1';
/** Questions in work at once; what comes beyond is dropped, and asked again by its resolver. */
const pendingMax = 256;
const connectionsMax = 64;

/** Throws an Error whose message a person can act on when the port cannot be had. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { log } = options;
  const respond = createResponder(options);
  const open = new Set<Socket>();
  const tcp = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serveStream(socket, respond);
  });
  tcp.maxConnections = connectionsMax;
  const udp = createSocket('udp4');
  let pending = 0;
  udp.on('message', (message, from) => {
    const query = pending < pendingMax ? parseQuery(message) : null;
    if (!query) return;
    pending += 1;
    respond(query)
      .then((answer) => udp.send(encodeAnswer(query, answer, payloadLimit(query)), from.port, from.address))
      .catch((error: unknown) => log.debug('a DNS question was not answered', { error }))
      .finally(() => {
        pending -= 1;
      });
  });
  try {
    const port = await bindBoth(tcp, udp, options.port);
    for (const socket of [tcp, udp]) socket.on('error', (error) => log.error('DNS', { error }));
    return { port, close: () => close(tcp, udp, open) };
  } catch (cause) {
    await close(tcp, udp, open);
    throw new Error(
      `DNS for ${options.zone} cannot be served on ${host}:${options.port}: ${(cause as Error).message}. ` +
        'Stop who listens there, or name another port',
      { cause },
    );
  }
}

/** From a query to its answer; never rejects. */
function createResponder({ zone, lookUp, log }: DnsServerOptions): (query: Query) => Promise<ZoneAnswer> {
  let turn = 0;
  return async ({ question, isStandard, edns }) => {
    if (!isStandard) return failure('NOTIMP');
    if (edns && edns.version !== 0) return failure('BADVERS');
    const relative = relativeName(question.name, zone);
    try {
      const found = relative ? await lookUp(relative) : null;
      turn = (turn + 1) % 0x7fffffff;
      return answerQuestion(question, zone, found && rotate(found, turn));
    } catch (error) {
      log.debug('a DNS name could not be looked up', { name: question.name, error });
      return failure('SERVFAIL');
    }
  };
}

/** The same port for both; a free one of TCP may be taken for UDP. */
async function bindBoth(tcp: TcpServer, udp: UdpSocket, wanted: number): Promise<number> {
  tcp.listen(wanted, host);
  await once(tcp, 'listening');
  const address = tcp.address();
  const port = typeof address === 'object' && address ? address.port : wanted;
  udp.bind(port, host);
  await once(udp, 'listening');
  return port;
}

async function close(tcp: TcpServer, udp: UdpSocket, open: ReadonlySet<Socket>): Promise<void> {
  const closed = tcp.listening ? once(tcp, 'close') : null;
  if (closed) tcp.close();
  // A client that keeps its connection for later questions must not keep Limber from ending.
  for (const socket of open) socket.destroy();
  try {
    udp.close();
  } catch {
    // The socket was never bound.
  }
  await closed;
}
