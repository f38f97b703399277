/** Talks to a running Limber: `POST /admin/<name>`, signed for the service `limber` with its root credentials. */
import { createHash, createHmac, type Hash } from 'node:crypto';
import { request } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import { type RootCredentials, readRootCredentials } from '../security/root-credentials.ts';
import { CommandFailed } from './arguments.ts';
import { findLimber } from './start-record.ts';

export interface CacheStatus {
  readonly kind: 'replication-group' | 'cache-cluster';
  readonly id: string;
  readonly region: string;
  readonly account: string;
  readonly status: string;
  readonly engine: string;
  /** The one that runs. */
  readonly version: string | null;
  /** The version that was asked for and that `version` stands in for; null when that is what runs. */
  readonly standsInFor: string | null;
  readonly nodes: number;
  /** Its ports speak TLS and nothing else. */
  readonly tls: boolean;
  readonly members: readonly {
    readonly id: string;
    readonly cacheNodeId: string;
    readonly nodeGroupId: string | null;
    readonly role: 'primary' | 'replica' | null;
    readonly address: string;
    readonly port: number;
    /** Null before the first start. */
    readonly pid: number | null;
    readonly zone: string;
    readonly status: string;
  }[];
  /** The endpoints that move between nodes; a single Valkey or Redis node has none. */
  readonly endpoints: readonly {
    readonly purpose: string;
    readonly address: string;
    readonly port: number;
    readonly dnsName: string;
  }[];
  readonly sentence: string | null;
}

/** An operation that has begun, or waits until another one of its cache has ended. */
export interface OperationStatus {
  readonly id: string;
  readonly kind: string;
  readonly cache: string;
  /** Null while it is queued. */
  readonly step: string | null;
  readonly activity: 'queued' | 'looking' | 'acting' | 'waiting' | 'backing-off' | 'unknown';
  /** A sentence: what the operation does, waits for, or failed with. */
  readonly sentence: string;
  /** For how long the operation has done that; null while it is queued. */
  readonly forMs: number | null;
  /** For how long Limbers have worked on the present step. */
  readonly stepMs: number;
  /** For how long the step may wait; null when it waits for nothing. */
  readonly limitMs: number | null;
  /** True when the operation has not ended at its deadline; nothing else can be done with its cache until it has. */
  readonly isOverdue: boolean;
  /** Failures in a row. */
  readonly attempts: number;
  readonly lastError: string | null;
}

export interface LimberStatus {
  readonly version: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly dataDirectory: string;
  readonly pool: string;
  readonly caches: readonly CacheStatus[];
  readonly shards: readonly {
    readonly cache: string;
    readonly nodeGroupId: string;
    readonly isSettled: boolean;
    /** What a person should know of it; null while all is well. */
    readonly concern: string | null;
    readonly sentence: string | null;
  }[];
  readonly operations: readonly OperationStatus[];
  /** Caches that have an AUTH token and let clients in without it. */
  readonly passwordless: readonly string[];
  /** Logs that cannot be delivered, a sentence each. */
  readonly undelivered: readonly string[];
  readonly findings: readonly string[];
}

/** How to reach a cache. `cli` is the engine's own, to be called with host and port; null where it has none. */
export interface ConnectAnswer {
  readonly engine: string;
  readonly address: string;
  readonly port: number;
  readonly clusterMode: boolean;
  readonly tls: boolean;
  /** Clients need the AUTH token. */
  readonly auth: boolean;
  readonly cli: {
    readonly command: string;
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  } | null;
}

interface AdminCalls {
  readonly status: { body: Record<string, never>; answer: LimberStatus };
  readonly stop: { body: Record<string, never>; answer: unknown };
  readonly 'stop-caches': {
    body: { dryRun?: boolean };
    answer: { readonly willLose: readonly string[]; readonly stopped: number };
  };
  readonly connect: { body: { name: string; region?: string }; answer: ConnectAnswer };
  readonly 'renew-certificates': {
    /** Milliseconds since 1970: what was replaced since then is counted. */
    body: { since: number };
    answer: {
      readonly replaced: number;
      readonly failed: readonly { readonly node: string; readonly reason: string }[];
    };
  };
  readonly logs: {
    body: {
      name: string;
      region?: string;
      logType: 'slow-log' | 'engine-log';
      format: 'json' | 'text';
      /** Of the answer before: only what has come since. */
      positions: object;
    };
    answer: {
      readonly events: readonly { readonly text: string }[];
      readonly positions: object;
      readonly silent: readonly { readonly node: string; readonly reason: string }[];
    };
  };
  readonly switchover: {
    body: { member: string; region?: string };
    answer: {
      readonly group: string;
      readonly nodeGroupId: string;
      readonly from: string;
      readonly to: string;
    };
  };
}

export interface AdminClient {
  readonly port: number;
  readonly pid: number;
  /** Of the names that it shows for endpoints; null when it shows addresses. */
  readonly dnsZone: string | null;
  /** Throws `AdminRefused` with the server's own words, `CommandFailed` when it cannot be reached. */
  call<N extends keyof AdminCalls>(name: N, body: AdminCalls[N]['body']): Promise<AdminCalls[N]['answer']>;
}

/** Thrown when Limber answers that it will not do what it was asked. */
export class AdminRefused extends CommandFailed {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Stopping many engines with large data takes a while: each may take its time to write it. */
const deadlineMs = 120_000;

/** A client of the Limber that serves this data directory; null when none does. Throws when one is there but silent. */
export async function connectAdmin(dataDirectory: string): Promise<AdminClient | null> {
  const presence = await findLimber(dataDirectory);
  if (presence.kind === 'stopped') return null;
  const { pid, port, dnsZone } = presence.record;
  if (presence.kind === 'silent') {
    throw new CommandFailed(
      `Limber (pid ${pid}) does not answer on 127.0.0.1:${port}. Look at its log; \`kill -9 ${pid}\` ends it, caches go on.`,
    );
  }
  const credentials = await readRootCredentials(dataDirectory);
  if (!credentials)
    throw new CommandFailed(`${dataDirectory} holds no credentials.json; stop and start Limber`);
  return {
    port,
    pid,
    dnsZone,
    call: (name, body) => callAdmin(port, credentials, name, body) as Promise<never>,
  };
}

/** The raw call, also for tests. */
export async function callAdmin(
  port: number,
  credentials: RootCredentials,
  name: string,
  body: unknown,
): Promise<unknown> {
  const text = JSON.stringify(body);
  const signer = new SignatureV4({
    service: 'limber',
    region: 'us-east-1', // the admin API spans all regions
    credentials,
    sha256: NodeSha256,
    applyChecksum: true,
  });
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    path: `/admin/${name}`,
    query: {},
    headers: { host: `127.0.0.1:${port}`, 'content-type': 'application/json' },
    body: text,
  });
  const { status, answer } = await post(port, `/admin/${name}`, headers, text);
  const parsed = parse(answer);
  if (status === 200) return parsed;
  const { error } = (parsed ?? {}) as { error?: { code?: string; message?: string } };
  throw new AdminRefused(error?.code ?? String(status), error?.message ?? `Limber answered ${status}`);
}

function post(
  port: number,
  path: string,
  headers: Record<string, string>,
  body: string,
): Promise<{ status: number; answer: string }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(new CommandFailed(`Limber on 127.0.0.1:${port} broke off: ${cause.message}`, { cause }));
    const options = { host: '127.0.0.1', port, path, method: 'POST', headers, agent: false };
    const sent = request({ ...options, timeout: deadlineMs }, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        answer += chunk;
      });
      response.on('error', fail);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, answer }));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${deadlineMs / 1000} s`)));
    sent.on('error', fail);
    sent.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The signer wants a hash of this shape; Node has the functions. */
class NodeSha256 {
  readonly #hash: Hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const made = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
    this.#hash = made as Hash;
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }
  reset(): void {}
}
