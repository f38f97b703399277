/** One configuration endpoint: its listener, its clients, and the discovery key on its nodes. */
import { createServer, type Server, type Socket } from 'node:net';
import type { LocalAsk } from './answers.ts';
import { discoveryData } from './answers.ts';
import type { EndpointConfiguration, ListedNode } from './configuration.ts';
import { keepNodeKey, type NodeKey, type NodeKeyStatus } from './node-key.ts';
import { serveSession } from './session.ts';

/** Each client may cost two sockets and a few kilobytes. Data go to the nodes directly, so few are due: a judgement. */
const clientsMax = 4_096;
const bindRetryMs = 250;

export interface EndpointStatus {
  /** The state file's name without suffix: the incarnation of the cache. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly version: number;
  readonly isListening: boolean;
  /** Why it does not listen, or why its newest state file is not in force; null when all is well. */
  readonly problem: string | null;
  readonly clients: number;
  /** Discovery requests answered since the start, for the metric CmdConfigGet. */
  readonly configGets: number;
  readonly nodes: readonly NodeKeyStatus[];
}

export interface ConfigurationEndpoint {
  /** Puts a newer configuration in force; clients stay unless the address or port changes. */
  update(configuration: EndpointConfiguration): void;
  /** Notes what is wrong with the newest state file; the one before it stays in force. */
  report(problem: string): void;
  close(): void;
  status(): EndpointStatus;
}

export function openEndpoint(name: string, first: EndpointConfiguration): ConfigurationEndpoint {
  let configuration = first;
  let listener = listen(first.address, first.port, serve);
  let fileProblem: string | null = null;
  let configGets = 0;
  const keys = new Map<string, NodeKey>();
  keepKeys();

  function serve(client: Socket): void {
    const onAnswered = (ask: LocalAsk) => {
      if (ask.kind === 'config-get' || ask.kind === 'old-get' || ask.kind === 'binary-config-get')
        configGets += 1;
    };
    serveSession(client, { configuration: () => configuration, onAnswered });
  }

  function keepKeys(): void {
    const wanted = new Map(configuration.nodes.map((node) => [identityOf(node), node]));
    for (const [identity, key] of keys) {
      if (wanted.has(identity)) continue;
      key.stop();
      keys.delete(identity);
    }
    for (const [identity, node] of wanted) {
      if (keys.has(identity)) continue;
      const refreshMs = () => configuration.keyRefreshMs;
      keys.set(identity, keepNodeKey({ node, refreshMs, value: () => discoveryData(configuration) }));
    }
  }

  return {
    update(next) {
      const previous = configuration;
      configuration = next;
      fileProblem = null;
      if (next.address !== previous.address || next.port !== previous.port) {
        listener.close();
        listener = listen(next.address, next.port, serve);
      }
      keepKeys();
      if (!discoveryData(next).equals(discoveryData(previous)))
        for (const key of keys.values()) key.changed();
    },
    report(problem) {
      fileProblem = problem;
    },
    close() {
      listener.close();
      for (const key of keys.values()) key.stop();
    },
    status: () => ({
      name,
      address: configuration.address,
      port: configuration.port,
      version: configuration.version,
      isListening: listener.problem() === null,
      problem: listener.problem() ?? fileProblem,
      clients: listener.clients(),
      configGets,
      nodes: [...keys.values()].map((key) => key.status()),
    }),
  };
}

function identityOf(node: ListedNode): string {
  return `${node.host}|${node.ip}|${node.port}`;
}

interface Listener {
  /** Null while it listens. */
  problem(): string | null;
  clients(): number;
  close(): void;
}

/** Listens, and tries again and again while the address is taken or missing. */
function listen(host: string, port: number, serve: (client: Socket) => void): Listener {
  const clients = new Set<Socket>();
  let problem: string | null = 'not bound yet';
  let retry: NodeJS.Timeout | undefined;
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    serve(client);
  });
  server.maxConnections = clientsMax;
  const bind = () => server.listen({ host, port, exclusive: true });
  server.on('listening', () => {
    problem = null;
  });
  server.on('error', (error: NodeJS.ErrnoException) => {
    // A failed accept (out of descriptors) leaves the listener open: there is nothing to bind again then.
    if (server.listening) return;
    problem = `cannot listen on ${host}:${port} (${error.code ?? error.message})`;
    retry = setTimeout(bind, bindRetryMs);
  });
  bind();
  return {
    problem: () => problem,
    clients: () => clients.size,
    close() {
      clearTimeout(retry);
      problem = 'closed';
      server.removeAllListeners('error');
      server.on('error', () => {});
      server.close();
      for (const client of clients) client.destroy();
    },
  };
}
