/**
 * A replica that takes all data anew through a disk without room begins again and again. So a synchronisation that takes
 * longer than most is looked at: both sides do without the disk where it has no room, and with it again afterwards.
 */
import { chooseLoadManner, chooseSyncManner, hasRoomFor } from '../../fleet/sync-manner.ts';
import { type CacheNode, processName } from '../../model/node.ts';
import type { ShardContext } from './context.ts';
import type { ShardFacts } from './observe/observe-shard.ts';

/** Most are over sooner; between two looks at one that is not. A judgement. */
const lookMs = 2_000;

interface Synchronisation {
  /** Monotonic milliseconds. */
  notBefore: number;
  isWithoutDisk: boolean;
}

interface SynchronisationWatch {
  /** Takes note of one look at the shard. Never throws. */
  look(facts: ShardFacts): Promise<void>;
}

export function createSynchronisationWatch({ fleet }: Pick<ShardContext, 'fleet'>): SynchronisationWatch {
  const { clock, log } = fleet;
  /** By replica and process, whose settings they are: those that are under way, or went without the disk. */
  const watched = new Map<string, Synchronisation>();

  async function mend(replica: CacheNode, primary: CacheNode, own: Synchronisation): Promise<void> {
    const hasRoom = await hasRoomFor(fleet, replica, primary);
    if (hasRoom === own.isWithoutDisk) await chooseLoadManner(fleet, replica, hasRoom);
    own.isWithoutDisk = !hasRoom;
    await chooseSyncManner(fleet, primary);
  }

  async function goBack(replica: CacheNode): Promise<void> {
    await chooseLoadManner(fleet, replica, true);
    watched.delete(keyOf(replica));
  }

  return {
    async look({ view }) {
      const leader = view.members.find(({ node }) => node.incarnation === view.shard.currentPrimary);
      const keys = new Set(view.members.map(({ node }) => keyOf(node)));
      for (const key of watched.keys()) if (!keys.has(key)) watched.delete(key);
      for (const { node, engine } of view.members) {
        if (engine?.role !== 'replica' || leader?.engine?.role !== 'primary') continue;
        const own = watched.get(keyOf(node));
        const isUnderWay = engine.isSyncing || !engine.isLinkUp;
        if (!own && isUnderWay)
          watched.set(keyOf(node), { notBefore: clock.monotonic() + lookMs, isWithoutDisk: false });
        if (!own || clock.monotonic() < own.notBefore) continue;
        own.notBefore = clock.monotonic() + lookMs;
        try {
          if (isUnderWay) await mend(node, leader.node, own);
          else if (own.isWithoutDisk) await goBack(node);
          else watched.delete(keyOf(node));
        } catch (error) {
          log.debug('a synchronisation was not looked at', { node: node.incarnation, error });
        }
      }
    },
  };
}

const keyOf = ({ incarnation, handle }: CacheNode): string =>
  `${incarnation} ${handle && processName(handle)}`;
