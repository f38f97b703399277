/**
 * One control connection per Valkey/Redis node, opened when first needed and shared by all who talk to the node.
 * Its death is the fastest sign that a node is gone; it is a sign, never a proof.
 */
import { limberUser } from '../engines/valkey/access-control.ts';
import type { EngineConnection } from '../engines/valkey/client.ts';
import { connectStubbornly } from '../engines/valkey/stubborn.ts';
import type { CacheNode, NodeHandle } from '../model/node.ts';
import type { Clock } from '../platform/clock.ts';
import type { NodeRuntime } from '../runtime/contract.ts';
import type { Certificates } from '../security/certificates/certificates.ts';
import type { Store } from '../store/contract.ts';

export type NodeAddress = Pick<
  CacheNode,
  'incarnation' | 'cacheIncarnation' | 'address' | 'port' | 'tls' | 'handle'
>;

export interface Connections {
  /** An open connection, logged in as Limber. Throws what `connectEngine` throws. */
  of(node: NodeAddress): Promise<EngineConnection>;
  /** Closes the node's connection and forgets it, e.g. before its process is ended on purpose. */
  drop(incarnation: string): void;
  /** True for some time after clients have ended a connection of ours (CLIENT KILL), while the node's process runs. */
  isCut(incarnation: string): boolean;
  /** They cannot any more: what was cut before says nothing. */
  calmed(incarnation: string): void;
  /** Called with the node's incarnation when a connection ends that nobody dropped. */
  onLost(listener: (incarnation: string) => void): void;
  close(): void;
}

/** Names of secrets in the store; their owner is the cache's incarnation. */
export const secretNames = {
  limber: 'engine-limber',
  replication: 'engine-replication',
  /** With TLS. */
  linkCertificate: 'link-certificate',
  linkKey: 'link-key',
} as const;

/** A node on loopback accepts within a millisecond or two; a stopped one never answers. */
const connectDeadlineMs = 1_000;
const callDeadlineMs = 2_000;
/** Who cuts in a loop does it many times in this. A judgement. */
const cutMemoryMs = 1_000;

/** Shown by CLIENT LIST and SLOWLOG. */
export const controlClientName = 'limber-control';

/** `certificates`: whom to trust. `runtime`: whose processes live. `connectTo`: how a connection is opened. */
export function createConnections(
  store: Store,
  certificates: Pick<Certificates, 'trusted'>,
  runtime: Pick<NodeRuntime, 'inspect'>,
  connectTo = connectStubbornly,
): Connections {
  const open = new Map<string, Promise<EngineConnection>>();
  const secrets = new Map<string, string>();
  /** By node, as it was last asked for. */
  const handles = new Map<string, NodeHandle | null>();
  /** By node: when a connection ended whose process ran on. */
  const cuts = new Map<string, { readonly at: number; readonly clock: Clock }>();
  const listeners: ((incarnation: string) => void)[] = [];

  async function secretOf(cacheIncarnation: string): Promise<string> {
    const known = secrets.get(cacheIncarnation);
    if (known) return known;
    const secret = await store.secret(cacheIncarnation, secretNames.limber);
    if (!secret) throw new Error(`no engine secret is stored for cache ${cacheIncarnation}`);
    secrets.set(cacheIncarnation, secret);
    return secret;
  }

  function isRunning({ incarnation }: NodeAddress): boolean {
    const handle = handles.get(incarnation);
    try {
      return handle != null && runtime.inspect(handle).kind === 'running';
    } catch {
      return false; // it cannot be seen
    }
  }

  async function connect(node: NodeAddress): Promise<EngineConnection> {
    const options = {
      address: node.address,
      port: node.port,
      username: limberUser,
      password: await secretOf(node.cacheIncarnation),
      connectDeadlineMs,
      callDeadlineMs,
      name: controlClientName,
      ...(node.tls ? { trusted: await certificates.trusted() } : {}),
    };
    const connection = await connectTo(options, () => isRunning(node));
    connection.onClose(() => {
      open.delete(node.incarnation);
      const { clock } = connection;
      if (isRunning(node)) cuts.set(node.incarnation, { at: clock.monotonic(), clock });
      for (const listener of listeners) listener(node.incarnation);
    });
    return connection;
  }

  return {
    async of(node) {
      handles.set(node.incarnation, node.handle);
      const existing = open.get(node.incarnation);
      if (existing) return existing;
      const opening = connect(node);
      open.set(node.incarnation, opening);
      opening.catch(() => {
        if (open.get(node.incarnation) === opening) open.delete(node.incarnation);
      });
      return opening;
    },
    drop(incarnation) {
      const existing = open.get(incarnation);
      open.delete(incarnation);
      handles.delete(incarnation);
      cuts.delete(incarnation);
      existing?.then(
        (connection) => connection.close(),
        () => {},
      );
    },
    isCut(incarnation) {
      const cut = cuts.get(incarnation);
      return cut !== undefined && cut.clock.monotonic() - cut.at < cutMemoryMs;
    },
    calmed(incarnation) {
      cuts.delete(incarnation);
    },
    onLost(listener) {
      listeners.push(listener);
    },
    close() {
      for (const incarnation of [...open.keys()]) this.drop(incarnation);
    },
  };
}
