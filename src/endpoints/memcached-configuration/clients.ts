/**
 * The clients of all endpoints of this process, and who makes room when there are too many: of the endpoint that has the
 * most, the one that asked for nothing the longest. So connections that are opened and left alone keep nobody out, and a
 * flood at one endpoint costs no client of another. A client that is ended connects again when it has something to ask.
 */
import type { Socket } from 'node:net';
import { hardLimitOfOpenFiles } from '../../platform/open-files.ts';

export interface Clients {
  /** A new client of this endpoint; another one is ended when there are too many. */
  admit(endpoint: object, client: Socket): void;
  /** Notes that this client has asked for something. */
  note(endpoint: object, client: Socket): void;
  count(endpoint: object): number;
  /** Ends all clients of this endpoint. */
  end(endpoint: object): void;
}

/** An idle client takes 6.5 KB. Clients fetch data from the nodes, so that few are expected here. A judgement. */
const clientsMaxDefault = 4_096;
/** Files that the process needs besides its clients, of which each may cost two sockets. A judgement. */
const otherFiles = 128;

export function createClients(openFilesMax = hardLimitOfOpenFiles()): Clients {
  const clientsMax = Math.max(1, Math.min(clientsMaxDefault, Math.floor((openFilesMax - otherFiles) / 2)));
  /** The clients of each endpoint; the first of them has asked for nothing the longest. */
  const byEndpoint = new Map<object, Set<Socket>>();
  let total = 0;

  const forget = (endpoint: object, client: Socket) => {
    const clients = byEndpoint.get(endpoint);
    if (!clients?.delete(client)) return;
    total -= 1;
    if (clients.size === 0) byEndpoint.delete(endpoint);
  };

  const endIdlest = () => {
    let fullest: readonly [object, Set<Socket>] | undefined;
    for (const entry of byEndpoint) if (!fullest || entry[1].size > fullest[1].size) fullest = entry;
    if (!fullest) return;
    const [endpoint, clients] = fullest;
    for (const idlest of clients) {
      forget(endpoint, idlest);
      idlest.destroy();
      return;
    }
  };

  return {
    admit(endpoint, client) {
      const clients = byEndpoint.get(endpoint) ?? new Set();
      byEndpoint.set(endpoint, clients.add(client));
      total += 1;
      client.once('close', () => forget(endpoint, client));
      if (total > clientsMax) endIdlest();
    },
    note(endpoint, client) {
      const clients = byEndpoint.get(endpoint);
      if (clients?.delete(client)) clients.add(client);
    },
    count: (endpoint) => byEndpoint.get(endpoint)?.size ?? 0,
    end(endpoint) {
      for (const client of byEndpoint.get(endpoint) ?? []) client.destroy();
    },
  };
}
