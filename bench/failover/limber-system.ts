/** Limber's groups. Planned: a switchover, as `limber switchover` asks for it. */
import { eventually } from '../../test/support/eventually.ts';
import type { Limber } from '../../test/support/limber.ts';
import { type CacheStatus, type MemberStatus, untilSettled } from '../lib/limber-under-test.ts';
import { type Address, askOnce } from '../lib/resp-client.ts';
import { clusterRoute, endpointRoute, type Route } from '../lib/routes.ts';
import { type FailoverSystem, type Fault, hashTagsOf, type Target } from './system.ts';

export interface LimberSystemOptions {
  readonly limber: Limber;
  readonly name: string;
  readonly groupId: string;
  readonly isClusterMode: boolean;
  /** Durability=sync: the old primary's own files come first. Default false. */
  readonly returnsToLead?: boolean;
  /** Encrypted in transit: PEM of whom to trust. */
  readonly ca?: string;
}

/** The shard `0001` of a group with one replica per shard. */
export function limberSystem(options: LimberSystemOptions): FailoverSystem {
  const { limber, name, groupId } = options;
  return {
    name,
    repairsItself: true,
    async ready() {
      const cache = trusting(await untilSettled(limber, groupId), options.ca);
      const [primary, replica] = shardOf(cache);
      const way = options.isClusterMode
        ? await clusterWay(cache, primary, replica)
        : { route: endpointRoute(cache.endpoints.find(({ purpose }) => purpose === 'primary')!) };
      const { returnsToLead = false } = options;
      return { ...way, primary, replica, returnsToLead, ...acts(options, primary, replica) };
    },
  };
}

function trusting(cache: CacheStatus, ca: string | undefined): CacheStatus {
  if (ca === undefined) return cache;
  return {
    ...cache,
    members: cache.members.map((one) => ({ ...one, ca })),
    endpoints: cache.endpoints.map((one) => ({ ...one, ca })),
  };
}

function acts({ limber, groupId }: LimberSystemOptions, primary: MemberStatus, replica: MemberStatus) {
  let struck: Fault | null = null;
  return {
    strike: async (fault: Fault) => {
      struck = fault;
      if (fault === 'kill') process.kill(primary.pid!, 'SIGKILL');
      if (fault === 'hang') process.kill(primary.pid!, 'SIGSTOP');
      if (fault === 'planned') await limber.admin('switchover', { member: replica.id });
    },
    repair: async () => {
      // After a switchover the old primary's process goes on, as a replica.
      if (struck === null || struck === 'planned') return;
      await eventually(
        async () => {
          const { caches } = await limber.status();
          const members = caches.find((cache) => cache.id === groupId)?.members;
          const pid = members?.find((member) => member.id === primary.id)?.pid;
          return pid && pid !== primary.pid;
        },
        { deadlineMs: 60_000 },
      );
    },
  };
}

function shardOf({ members }: CacheStatus): [primary: MemberStatus, replica: MemberStatus] {
  const shard = members.filter((member) => member.nodeGroupId === '0001');
  const primary = shard.find((member) => member.role === 'primary');
  const replica = shard.find((member) => member.role === 'replica');
  if (!primary || !replica) throw new Error(`shard 0001 is not whole: ${JSON.stringify(shard)}`);
  return [primary, replica];
}

async function clusterWay(
  { members }: CacheStatus,
  primary: MemberStatus,
  replica: MemberStatus,
): Promise<{ route: Route; hashTags: readonly string[] }> {
  const others = members.filter((member) => member.nodeGroupId !== '0001' && member.role === 'primary');
  return clusterTarget(primary, replica, others);
}

/** A cluster-aware way to the shard of `primary`; also for clusters without Limber. */
export async function clusterTarget(
  primary: Address,
  replica: Address,
  observers: readonly Address[],
): Promise<Pick<Target, 'route'> & { readonly hashTags: readonly string[] }> {
  const slots = (await askOnce(primary, 'CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
  const ranges = slots
    .filter(([, , [address, port]]) => address === primary.address && port === primary.port)
    .map(([first, last]) => [first, last] as const);
  const { hashTags, slot } = await hashTagsOf(primary, ranges);
  return { route: clusterRoute([primary, replica], observers, slot), hashTags };
}
