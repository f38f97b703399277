/** The primary endpoint as `fleet/bindings.ts` moves it: first it is given up, then taken; what is bound is remembered. */
import type { ShardView } from '../../../src/reconcilers/shard/view.ts';
import type { Engines, Process } from './engines.ts';
import { Failed, memberOf } from './facts.ts';

export interface Bindings {
  /** `primary`: who leads, when the rows do not say so yet. */
  bind(view: ShardView, primary?: string | null): Generator<string, void>;
  forget(member: number): void;
  forgetAll(): void;
}

export function createBindings(engines: Engines, reach: (member: number) => Process): Bindings {
  const known = new Map<number, boolean>();

  function* bind(view: ShardView, primary: string | null = null): Generator<string, void> {
    const wanted = view.members.find(({ node, engine }) => {
      const isRecorded =
        node.incarnation === view.shard.currentPrimary && view.shard.targetPrimary === node.incarnation;
      const isPrimary =
        primary === null ? isRecorded && engine?.role === 'primary' : node.incarnation === primary;
      return engine !== null && !engine.isLoading && isPrimary;
    });
    const serving = view.members
      .filter(({ engine }) => engine !== null && !engine.isLoading)
      .map(({ node }) => memberOf(node.incarnation));
    for (const member of serving) reach(member);
    for (const member of serving) {
      const process = reach(member);
      const isBound = known.get(member) ?? process.isBound;
      known.set(member, isBound);
      if (!isBound || (wanted && memberOf(wanted.node.incarnation) === member)) continue;
      known.delete(member);
      process.isBound = false;
      known.set(member, false);
      yield 'bind:given-up';
      reach(member).hasClients = false;
    }
    if (!wanted) return;
    const member = memberOf(wanted.node.incarnation);
    if (known.get(member) ?? reach(member).isBound) return;
    known.delete(member);
    if (engines.processes.some((process) => process?.isBound && process.member !== member))
      throw new Failed('another process holds the endpoint');
    Object.assign(reach(member), { isBound: true, hasClients: true });
    known.set(member, true);
    yield 'bind:taken';
  }

  return { bind, forget: (member) => void known.delete(member), forgetAll: () => known.clear() };
}
