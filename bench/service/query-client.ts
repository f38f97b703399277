/** Signed requests to the API as bytes: what the server takes, without what an SDK makes of the answer. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Limber } from '../../test/support/limber.ts';
import type { Scope } from '../lib/scope.ts';

export type Ask = (parameters: Record<string, string>) => Promise<string>;

/** One connection that is kept. The answer's text; throws unless it is 200. */
export function openQueryClient(scope: Scope, { port, credentials }: Limber): Ask {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  scope.after(async () => agent.destroy());
  const signer = new SignatureV4({
    service: 'elasticache',
    region: 'us-east-1',
    credentials,
    sha256: Sha256,
    applyChecksum: true,
  });
  return async (parameters) => {
    const body = new URLSearchParams({ Version: '2015-02-02', ...parameters }).toString();
    const { headers } = await signer.sign({
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      port,
      path: '/',
      query: {},
      headers: { host: `127.0.0.1:${port}`, 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
    return await post(agent, port, headers, body);
  };
}

function post(agent: Agent, port: number, headers: Record<string, string>, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { agent, host: '127.0.0.1', port, method: 'POST', path: '/', headers };
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(text)
          : reject(new Error(`the API answered ${response.statusCode}: ${text}`)),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The signer wants a hash of this shape. */
class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }
  reset(): void {}
}
