/** HTTP without a client's manners: signed or not, whole or in pieces. */
import { once } from 'node:events';
import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { SignatureV4 } from '@smithy/signature-v4';
import { Sha256 } from '../protocol/sha256.ts';
import { key, type OpenFrontDoor } from './open-front-door.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
}

const formType = 'application/x-www-form-urlencoded; charset=utf-8';

export async function ask(
  open: OpenFrontDoor,
  { method = 'POST', path = '/', body, headers = {}, agent }: RawRequest,
): Promise<Answer> {
  const request = httpRequest({
    host: open.host,
    port: open.port,
    method,
    path,
    headers,
    agent: agent ?? false,
  });
  request.end(body);
  const [response] = await once(request, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() };
}

/** The headers that make the request a signed one; the path may have a query. */
export async function signedHeaders(
  open: OpenFrontDoor,
  raw: RawRequest,
  service = 'elasticache',
): Promise<Record<string, string>> {
  const { method = 'POST', path = '/', body, headers = {} } = raw;
  const url = new URL(path, open.url);
  const signer = new SignatureV4({ service, region: 'us-east-1', credentials: key, sha256: Sha256 });
  const type = body === undefined ? {} : { 'content-type': formType };
  const signed = await signer.sign({
    method,
    protocol: 'http:',
    hostname: open.host,
    port: open.port,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { host: url.host, ...type, ...headers },
    body,
  });
  return signed.headers;
}

export async function askSigned(open: OpenFrontDoor, raw: RawRequest, service?: string): Promise<Answer> {
  return ask(open, { ...raw, headers: await signedHeaders(open, raw, service) });
}

/** The head of a POST, up to its body, whose length is said but which need not come. */
export function headOf(headers: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST / HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A head that claims the key of this server: only its body could show that it is not signed. */
export async function claimingHead(
  open: OpenFrontDoor,
  headers: Readonly<Record<string, string | number>>,
): Promise<string> {
  return headOf({ ...(await signedHeaders(open, { body: 'Action=Other' })), ...headers });
}

/** A connection on which the test writes bytes itself. */
export async function openSocket(open: OpenFrontDoor): Promise<Socket> {
  const socket = connect(open.port, open.host);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** All that the server says until it closes the connection. */
export async function readToEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  await once(socket, 'close');
  return text;
}

export function errorOf({ text }: Answer): { code: string | undefined; message: string | undefined } {
  return {
    code: /<Code>(.*?)<\/Code>/.exec(text)?.[1],
    message: /<Message>([\s\S]*?)<\/Message>/.exec(text)?.[1],
  };
}
