/**
 * Auto discovery: one address, the configuration endpoint, knows all nodes of a Memcached cluster. It answers
 * `config get cluster` with a version that grows by one with each change, and the nodes as `host|ip|port`:
 *
 *     CONFIG cluster 0 51
 *     12
 *     cache-1.example|10.0.0.1|11211 cache-2.example||11211
 *
 *     END
 *
 * (AWS, "Adding Auto Discovery to your client library")
 */
import { connect } from 'node:net';

export interface ClusterNodes {
  readonly version: number;
  /** `host:port` each. */
  readonly nodes: readonly string[];
}

/** Asks once. Throws when there is no complete answer within `deadlineMs`. */
export async function discover(endpoint: string, deadlineMs = 2_000): Promise<ClusterNodes> {
  const { host, port } = splitEndpoint(endpoint);
  const socket = connect({ host, port, signal: AbortSignal.timeout(deadlineMs) });
  let answer = '';
  try {
    socket.write('config get cluster\r\n');
    for await (const chunk of socket) {
      answer += chunk;
      if (/^(?:END|ERROR)\r\n$/m.test(answer)) break;
    }
  } finally {
    socket.destroy();
  }
  return parse(answer);
}

function parse(answer: string): ClusterNodes {
  const [, version, list] = /^CONFIG cluster \d+ \d+\r\n(\d+)\n(.+)\n\r\nEND\r\n$/.exec(answer) ?? [];
  if (!version || !list) throw new Error(`no answer of a configuration endpoint: ${JSON.stringify(answer)}`);
  const nodes = list.split(' ').map((node) => {
    const [host, ip, port] = node.split('|');
    return `${ip || host}:${port}`;
  });
  return { version: Number(version), nodes };
}

export function splitEndpoint(endpoint: string): { host: string; port: number } {
  const colon = endpoint.lastIndexOf(':');
  return { host: endpoint.slice(0, colon), port: Number(endpoint.slice(colon + 1)) };
}

/**
 * Asks every `intervalMs` (60 s is what AWS's clients do) and reports each version newer than the last one. An
 * endpoint that does not answer is asked again: the known nodes stay good meanwhile. Call the result to stop.
 */
export function watchCluster(options: {
  endpoint: string;
  known: ClusterNodes;
  intervalMs: number;
  onChange: (cluster: ClusterNodes) => void;
}): () => void {
  let { version } = options.known;
  let isAsking = false;
  const timer = setInterval(async () => {
    if (isAsking) return;
    isAsking = true;
    try {
      const cluster = await discover(options.endpoint);
      if (cluster.version > version) {
        version = cluster.version;
        options.onChange(cluster);
      }
    } catch (error) {
      console.error(`auto discovery: ${error instanceof Error ? error.message : error}`);
    } finally {
      isAsking = false;
    }
  }, options.intervalMs);
  return () => clearInterval(timer);
}
