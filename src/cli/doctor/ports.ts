/** The API's port, and the ports of caches. */
import { parsePool } from '../../endpoints/addresses.ts';
import { probeAddress } from '../../endpoints/port-probe.ts';
import { askHealth, describeLimber } from '../start-record.ts';
import { type Examined, type Finding, fail, ok, warn } from './finding.ts';

/** Valkey and Redis, their cluster bus, Memcached: ElastiCache's default ports. */
const cachePorts = [6379, 16379, 11211];

export async function findPorts(
  { presence, port, pool }: Examined,
  ports: readonly number[] = cachePorts,
): Promise<Finding[]> {
  const api =
    presence.kind === 'serving'
      ? ok('API port', `Limber serves on 127.0.0.1:${presence.record.port} (pid ${presence.record.pid})`)
      : presence.kind === 'silent'
        ? fail(
            'API port',
            `Limber (pid ${presence.record.pid}) does not answer on 127.0.0.1:${presence.record.port}`,
            `Look at its log; kill -9 ${presence.record.pid} ends it, caches go on.`,
          )
        : await findApiPort(port);
  return [api, await findCachePorts(pool, ports)];
}

async function findApiPort(port: number): Promise<Finding> {
  const probe = await probeAddress('127.0.0.1', port);
  if (probe === 'free') return ok('API port', `127.0.0.1:${port} is free`);
  if ('unusable' in probe) return fail('API port', probe.unusable, 'Choose another: limber up --port N.');
  const other = await askHealth(port, 500);
  const holder = other === null ? probe.inUse : `127.0.0.1:${port} is held by ${describeLimber(other)}`;
  return fail('API port', holder, 'Stop that, or choose another: limber up --port N.');
}

/** Each port is probed on an address that Limber gives to nobody, so that only a listener on all addresses is found. */
async function findCachePorts(cidr: string, ports: readonly number[]): Promise<Finding> {
  const subject = 'cache ports';
  const address = lastAddress(cidr);
  const probes = await Promise.all(ports.map((port) => probeAddress(address, port)));
  const problems = probes.flatMap((probe) =>
    probe === 'free' ? [] : ['inUse' in probe ? probe.inUse : probe.unusable],
  );
  if (problems.length === 0) return ok(subject, `${ports.join(', ')} are free on the addresses in ${cidr}`);
  return warn(
    subject,
    problems.join('; '),
    'That takes the port on every address: stop it, bind it to 127.0.0.1, or create caches with another Port.',
  );
}

/** The last address but one of the pool, which lies in the slice that nobody uses. */
function lastAddress(cidr: string): string {
  const { first, size } = parsePool(cidr);
  const number = first + size - 2;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}
