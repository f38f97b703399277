/** One configuration endpoint: its listener, its clients, and the discovery key on its nodes. */
import { createServer, type Server, type Socket } from 'node:net';
import type { LocalAsk } from './answers.ts';
import { discoveryData } from './answers.ts';
import type { Clients } from './clients.ts';
import type { EndpointConfiguration, ListedNode } from './configuration.ts';
import type { FairTurns } from './fair-turns.ts';
import { keepNodeKey, type NodeKey, type NodeKeyStatus } from './node-key.ts';
import { serveSession } from './session.ts';

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

/** What all endpoints of the process share. */
interface EndpointContext {
  readonly turns: FairTurns;
  readonly clients: Clients;
}

export function openEndpoint(
  name: string,
  first: EndpointConfiguration,
  { turns, clients }: EndpointContext,
): ConfigurationEndpoint {
  let configuration = first;
  let listener = listen(first.address, first.port, admit);
  let fileProblem: string | null = null;
  let configGets = 0;
  const keys = new Map<string, NodeKey>();
  keepKeys();

  function admit(client: Socket): void {
    clients.admit(endpoint, client);
    serveSession(client, {
      configuration: () => configuration,
      turns,
      onAsked: () => clients.note(endpoint, client),
      onAnswered: (ask) => {
        if (isDiscovery(ask)) configGets += 1;
      },
    });
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

  const endpoint: ConfigurationEndpoint = {
    update(next) {
      const previous = configuration;
      configuration = next;
      fileProblem = null;
      if (next.address !== previous.address || next.port !== previous.port) {
        listener.close();
        clients.end(endpoint);
        listener = listen(next.address, next.port, admit);
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
      clients.end(endpoint);
      for (const key of keys.values()) key.stop();
    },
    status: () => ({
      name,
      address: configuration.address,
      port: configuration.port,
      version: configuration.version,
      isListening: listener.problem() === null,
      problem: listener.problem() ?? fileProblem,
      clients: clients.count(endpoint),
      configGets,
      nodes: [...keys.values()].map((key) => key.status()),
    }),
  };
  return endpoint;
}

function isDiscovery(ask: LocalAsk): boolean {
  return ask.kind === 'config-get' || ask.kind === 'old-get' || ask.kind === 'binary-config-get';
}

function identityOf(node: ListedNode): string {
  return `${node.host}|${node.ip}|${node.port}`;
}

interface Listener {
  /** Null while it listens. */
  problem(): string | null;
  close(): void;
}

/** Listens, and tries again and again while the address is taken or missing. */
function listen(host: string, port: number, admit: (client: Socket) => void): Listener {
  let problem: string | null = 'not bound yet';
  let retry: NodeJS.Timeout | undefined;
  const server: Server = createServer({ allowHalfOpen: true }, admit);
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
    close() {
      clearTimeout(retry);
      problem = 'closed';
      server.removeAllListeners('error');
      server.on('error', () => {});
      server.close();
    },
  };
}
