/**
 * Clients that discover nodes as AWS's own do, as far as it concerns the servers. What each asks, and what it makes of which
 * answer, is taken from the published sources of aws-elasticache-cluster-client-memcached-for-java, -libmemcached (and with it
 * PHP) and -memcached-for-.net; nothing of them is copied.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openConnection, type TestConnection } from './memcached-configuration-server.ts';

export interface Target {
  readonly address: string;
  readonly port: number;
}

export interface DiscoveringClient {
  readonly version: number;
  /** Node connections that it gave up because of an answer. */
  readonly drops: number;
  /** Requests for the list that a node refused. */
  readonly refusals: number;
  /** Looks whether there is a newer list, as it does every minute. False when nobody told it one. */
  poll(): Promise<boolean>;
  /** Of all keys: how many it does not find. */
  misses(keys: readonly string[]): Promise<number>;
  set(key: string): Promise<void>;
  close(): void;
}

const configGet = 'config get cluster';
const keyGet = 'get AmazonElastiCache:cluster';

interface List {
  readonly version: number;
  readonly nodes: readonly Target[];
}

/** Null for `END`, `ERROR` and whatever else is no list. */
function parseList(answer: string): List | null {
  const [, data] = /^(?:CONFIG|VALUE) \S+ \d+ \d+\r\n([\s\S]*)\r\nEND\r\n$/.exec(answer) ?? [];
  const [version, nodes] = (data ?? '').split('\n');
  if (!version || !nodes) return null;
  const parse = (text: string): Target => {
    const [host = '', ip, port] = text.split('|');
    return { address: ip || host, port: Number(port) };
  };
  return { version: Number(version), nodes: nodes.split(' ').map(parse) };
}

/** One request after the other on each connection. */
function sequential(connection: TestConnection) {
  let last: Promise<unknown> = Promise.resolve();
  return (request: string): Promise<string> => {
    const mine = last.then(async () => {
      const { socket } = connection;
      socket.removeAllListeners('data');
      let text = '';
      return new Promise<string>((resolve) => {
        const finish = () => {
          socket.removeAllListeners('data').off('close', finish);
          resolve(text);
        };
        socket.once('close', finish).on('data', (chunk) => {
          text += String(chunk);
          if (/(END|ERROR|STORED)\r\n$/.test(text)) finish();
        });
        socket.write(`${request}\r\n`);
      });
    });
    last = mine;
    return mine;
  };
}

interface Node {
  readonly target: Target;
  ask(request: string): Promise<string>;
  readonly isActive: boolean;
  drop(): void;
  close(): void;
}

async function openNode(target: Target, reconnectMs: number): Promise<Node> {
  let connection = await openConnection(target);
  let ask = sequential(connection);
  let isActive = true;
  let isClosed = false;
  return {
    target,
    // What cannot be sent is given up in the end; nobody here waits for that.
    ask: async (request) => (isActive ? ask(request) : ''),
    get isActive() {
      return isActive;
    },
    drop() {
      isActive = false;
      connection.close();
      void delay(reconnectMs, undefined, { ref: false }).then(async () => {
        if (isClosed) return;
        connection = await openConnection(target);
        ask = sequential(connection);
        isActive = true;
      });
    },
    close() {
      isClosed = true;
      connection.close();
    },
  };
}

function hashOf(key: string): number {
  let hash = 7;
  for (const letter of key) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return hash;
}

/** What all of them do with a list once they have it. */
async function openClient(first: List, reconnectMs: number) {
  let version = first.version;
  let nodes = await Promise.all(first.nodes.map((node) => openNode(node, reconnectMs)));
  /** The node of a key, or the next one that is there. */
  const nodeOf = (key: string): Node => {
    const at = hashOf(key) % nodes.length;
    return [...nodes.slice(at), ...nodes.slice(0, at)].find((node) => node.isActive) ?? nodes[at]!;
  };
  return {
    get version() {
      return version;
    },
    get nodes() {
      return nodes;
    },
    async follow(list: List): Promise<void> {
      if (list.version <= version) return;
      version = list.version;
      const isKnown =
        ({ address, port }: Target) =>
        (node: Node) =>
          node.target.address === address && node.target.port === port;
      for (const node of nodes) if (!list.nodes.some((one) => isKnown(one)(node))) node.close();
      nodes = await Promise.all(
        list.nodes.map((one) => nodes.find(isKnown(one)) ?? openNode(one, reconnectMs)),
      );
    },
    async set(key: string): Promise<void> {
      await nodeOf(key).ask(`set ${key} 0 0 1\r\nx`);
    },
    async misses(keys: readonly string[]): Promise<number> {
      const answers = await Promise.all(keys.map((key) => nodeOf(key).ask(`get ${key}`)));
      return answers.filter((answer) => !answer.startsWith('VALUE')).length;
    },
    close() {
      for (const node of nodes) node.close();
    },
  };
}

async function askOnce(target: Target, request: string): Promise<string> {
  const connection = await openConnection(target);
  const answer = await sequential(connection)(request);
  connection.close();
  return answer;
}

function firstList(list: List | null): List {
  if (!list) throw new Error('the endpoint told no list');
  return list;
}

/**
 * Java. At the endpoint: `config get`; on an empty answer the key, with which it stays. It polls the nodes in turn, on the
 * connections of the data: a refusal makes it give the connection up and come back after two seconds (`reconnectMs`); meanwhile
 * the node's keys go to others. From then on it asks for the key.
 */
export async function javaClient(endpoint: Target, { reconnectMs = 2_000 } = {}): Promise<DiscoveringClient> {
  let usesConfig = true;
  let turn = 0;
  let drops = 0;
  let refusals = 0;
  let list = parseList(await askOnce(endpoint, configGet));
  if (!list) {
    list = parseList(await askOnce(endpoint, keyGet));
    usesConfig = false;
  }
  const client = await openClient(firstList(list), reconnectMs);
  return {
    ...client,
    get version() {
      return client.version;
    },
    get drops() {
      return drops;
    },
    get refusals() {
      return refusals;
    },
    async poll() {
      const node = client.nodes[turn++ % client.nodes.length]!;
      const answer = await node.ask(usesConfig ? configGet : keyGet);
      const found = parseList(answer);
      if (found) await client.follow(found);
      else if (usesConfig && answer.startsWith('ERROR')) {
        usesConfig = false;
        refusals += 1;
        drops += 1;
        node.drop();
      }
      return found !== null;
    },
  };
}

/**
 * libmemcached, and PHP. At the endpoint: `config get`, on a refusal or an empty answer the key; it stays with what was answered.
 * It polls two nodes, and the endpoint when both refuse.
 */
export async function libmemcachedClient(endpoint: Target): Promise<DiscoveringClient> {
  let turn = 0;
  let refusals = 0;
  const [config, key] = [`${configGet} `, `${keyGet} `];
  const byConfig = parseList(await askOnce(endpoint, config));
  const request = byConfig ? config : key;
  const client = await openClient(firstList(byConfig ?? parseList(await askOnce(endpoint, key))), 0);
  return {
    ...client,
    get version() {
      return client.version;
    },
    drops: 0,
    get refusals() {
      return refusals;
    },
    async poll() {
      for (const attempt of [1, 2, 3]) {
        const node = client.nodes[turn++ % client.nodes.length]!;
        const answer = attempt === 3 ? await askOnce(endpoint, request) : await node.ask(request);
        const found = parseList(answer);
        if (found) {
          await client.follow(found);
          return true;
        }
        refusals += 1;
      }
      return false;
    },
  };
}

/**
 * .NET. At the endpoint: `stats`; before 1.4.14 the key, else `config get`, for good. It polls every node of the list until one
 * answers, and the endpoint only when it resolves the name again.
 */
export async function dotnetClient(endpoint: Target): Promise<DiscoveringClient> {
  let refusals = 0;
  const version = /^STAT version (\d+)\.(\d+)\.(\d+)/m
    .exec(await askOnce(endpoint, 'stats'))
    ?.slice(1)
    .map(Number);
  if (!version) throw new Error('the endpoint told no version');
  const [major = 0, minor = 0, patch = 0] = version;
  const isOld = (major - 1) * 10_000 + (minor - 4) * 100 + patch < 14;
  const request = isOld ? keyGet : configGet;
  const client = await openClient(firstList(parseList(await askOnce(endpoint, request))), 0);
  return {
    ...client,
    get version() {
      return client.version;
    },
    drops: 0,
    get refusals() {
      return refusals;
    },
    async poll() {
      for (const node of client.nodes) {
        const found = parseList(await node.ask(request));
        if (found) {
          await client.follow(found);
          return true;
        }
        refusals += 1;
      }
      return false;
    },
  };
}
