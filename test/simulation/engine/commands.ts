/** The commands that Limber sends, answered by a simulated engine. One that is not here ends the simulation. */
import type { Argument } from '../../../src/engines/valkey/client.ts';
import { blocked, type Call, Refused } from './call.ts';
import { clusterCommand } from './cluster-commands.ts';
import { append, type Engine, follow, promote, type Wires } from './engine.ts';
import { infoOf, roleOf } from './info.ts';

const whileLoading = new Set(['INFO', 'ROLE', 'CONFIG', 'CLIENT', 'AUTH', 'PING']);

export function execute(command: string, call: Call): unknown {
  const name = command.toUpperCase();
  if (call.engine.link === 'loading' && !whileLoading.has(name) && !isReading(name, call.args))
    throw new Refused('LOADING Valkey is loading the dataset in memory');
  const handler = handlers[name];
  if (!handler) throw new Error(`the simulated engine does not know ${name} ${call.args.join(' ')}`);
  return handler(call);
}

const isReading = (name: string, [first]: readonly Argument[]): boolean =>
  name === 'CLUSTER' && ['NODES', 'INFO', 'MYID', 'SLOTS'].includes(String(first).toUpperCase());

const handlers: Readonly<Record<string, (call: Call) => unknown>> = {
  AUTH: () => 'OK',
  PING: () => 'PONG',
  INFO: ({ wires, engine }) => infoOf(wires, engine),
  ROLE: ({ engine }) => roleOf(engine),
  REPLICAOF: ({ wires, engine, args: [host, port] }) => {
    if (engine.cluster) throw new Refused('ERR REPLICAOF not allowed in cluster mode.');
    if (String(host).toUpperCase() === 'NO') promote(wires, engine);
    else follow(wires, engine, `${host}:${port}`);
    return 'OK';
  },
  WAIT: wait,
  CONFIG: ({ wires, engine, args: [verb, ...rest] }) =>
    String(verb).toUpperCase() === 'GET' ? configGet(engine, rest) : configSet(wires, engine, rest),
  CLIENT: clientCommand,
  CLUSTER: clusterCommand,
  BGREWRITEAOF: ({ wires, engine }) => {
    engine.hasFiles = true;
    wires.changed(engine, { kind: 'data' });
    return 'Background append only file rewriting started';
  },
  // A busy engine ends its script before it comes to that.
  SCRIPT: () => {
    throw new Refused('NOTBUSY No scripts in execution right now.');
  },
  FUNCTION: () => {
    throw new Refused('NOTBUSY No scripts in execution right now.');
  },
  ACL: ({ engine: { config }, args: [verb, , ...rules] }) => {
    if (String(verb).toUpperCase() === 'GETUSER')
      return ['commands', config.get('rules of default') ?? '+@all'];
    config.set(
      'rules of default',
      rules.includes('-client|kill') ? '+@all -@scripting -client|kill' : '+@all',
    );
    return 'OK';
  },
};

/** Makes a primary ask its replicas for an acknowledgement; answers when so many have, or it is unblocked. */
function wait({ wires, engine, client, args: [wanted, timeoutMs], reply }: Call): unknown {
  if (engine.role === 'replica') throw new Refused('ERR WAIT cannot be used with replica instances.');
  const mark = engine.offset;
  append(wires, engine, null);
  const count = () =>
    [...wires.all()].filter(
      (one) => one.upstreamPid === engine.pid && one.isStreaming && one.acknowledged >= mark,
    ).length;
  if (count() >= Number(wanted)) return count();
  const timer = wires.scheduler.after(Number(timeoutMs), () => client.unblock?.());
  client.unblock = () => {
    client.unblock = null;
    timer.stop();
    reply(count());
  };
  return blocked;
}

function clientCommand({ wires, engine, client, clients, args }: Call): unknown {
  const [verb, first, second] = args.map(String);
  switch (verb?.toUpperCase()) {
    case 'SETNAME':
    case 'NO-EVICT':
    case 'SETINFO':
      return 'OK';
    case 'ID':
      return client.id;
    case 'PAUSE':
      engine.pausedUntil = wires.scheduler.now() + Number(first);
      return 'OK';
    case 'UNPAUSE':
      engine.pausedUntil = 0;
      return 'OK';
    case 'UNBLOCK': {
      const other = clients.get(Number(first));
      if (!other?.unblock) return 0;
      other.unblock();
      return 1;
    }
    case 'KILL': {
      const address = second?.split(':')[0] ?? '';
      return engine.clients.delete(address) ? 1 : 0;
    }
    default:
      throw new Error(`the simulated engine does not know CLIENT ${args.join(' ')}`);
  }
}

function configGet({ config }: Engine, names: readonly Argument[]): string[] {
  return names.flatMap((name) => {
    const value = config.get(String(name));
    return value === undefined ? [] : [String(name), value];
  });
}

function configSet(wires: Wires, engine: Engine, pairs: readonly Argument[]): unknown {
  const changes: [string, string][] = [];
  for (let index = 0; index < pairs.length; index += 2)
    changes.push([String(pairs[index]), String(pairs[index + 1])]);
  for (const [name, value] of changes) {
    if (name !== 'bind') continue;
    const taken = value.split(' ').find((address) => wires.isTaken(address, engine));
    if (taken !== undefined)
      throw new Refused(
        "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses",
      );
  }
  for (const [name, value] of changes) engine.config.set(name, value);
  return 'OK';
}
