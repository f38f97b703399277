/** What the steps share: which shards may be hit, and what is noted of it. */
import { groups, type LiveNode, ledShards, type Shard, type World } from './world.ts';

export interface Step {
  readonly name: string;
  /** How often it is chosen, against the others. */
  readonly weight: number;
  perform(world: World): Promise<string | null>;
}

/** Groups that may lose what their primary had not passed on. */
export const asynchronous = [groups.replicated, groups.manual, groups.clustered];

/** A shard of these of which one node may be lost, also while another one ends as it was asked to: so many copies stay. */
export async function shardWithCopies(
  world: World,
  from: readonly string[],
  copies = 1,
): Promise<Shard | null> {
  const shards = await ledShards(world, world.random.pick(from));
  const fit = shards.filter((shard) => shard.copies.length >= copies + (shard.isBusy ? 1 : 0));
  return fit.length === 0 ? null : world.random.pick(fit);
}

/** From here on the shard may lack what its primary had not passed on. */
export function died({ deaths }: World, { group, shard }: Pick<Shard, 'group' | 'shard'>): void {
  deaths.push({ group, shard, at: performance.now() });
}

export const names = (nodes: readonly LiveNode[]) => nodes.map((node) => node.id).join(' and ');

/** The API refuses what does not fit to the cache's present state; anything else is a failure. */
export async function asked(what: string, request: () => Promise<unknown>): Promise<string> {
  try {
    await request();
    return what;
  } catch (error) {
    const { name, message } = error as Error;
    if (!/^(Invalid\w*State|TestFailoverNotAvailable|APICallRate|\w+NotFound|\w+AlreadyExists)/.test(name))
      throw error;
    return `${what}: refused, ${message}`;
  }
}
