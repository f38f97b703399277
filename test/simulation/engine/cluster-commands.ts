/** CLUSTER … of a simulated engine. */

import { type Call, Refused, rangesOf } from './call.ts';
import { assign, myself, slotsOf } from './cluster-state.ts';
import { askForVotes, planFailover } from './election.ts';
import { exchange, forgottenMs, isClusterNode, replicate, takeOver, timeoutOf } from './gossip.ts';
import { clusterInfoOf, clusterSlotsOf, nodesOf } from './info.ts';

const refuse = (text: string) => new Refused(text);

export function clusterCommand(call: Call): unknown {
  const { wires, engine } = call;
  if (!isClusterNode(engine)) throw refuse('ERR This instance has cluster support disabled');
  const { cluster } = engine;
  const self = myself(cluster);
  const [verb, ...args] = call.args;
  const saved = <T>(answer: T): T => {
    wires.changed(engine, { kind: 'nodes-file' });
    return answer;
  };
  switch (String(verb).toUpperCase()) {
    case 'MYID':
      return cluster.id;
    case 'NODES':
      return nodesOf(wires, cluster, timeoutOf(engine));
    case 'INFO':
      return clusterInfoOf(cluster);
    case 'SLOTS':
      return clusterSlotsOf(cluster);
    case 'MEET':
      exchange(wires, engine, `${args[0]}:${args[1]}`, true);
      return 'OK';
    case 'FORGET': {
      const id = String(args[0]);
      if (id === cluster.id) throw refuse("ERR I tried hard but I can't forget myself...");
      if (id === self.primaryId) throw refuse("ERR Can't forget my master!");
      if (!cluster.known.has(id)) throw refuse(`ERR Unknown node ${id}`);
      assign(cluster, slotsOf(cluster, id), null);
      cluster.known.delete(id);
      cluster.forgotten.set(id, wires.scheduler.now() + forgottenMs);
      return saved('OK');
    }
    case 'REPLICATE': {
      const id = String(args[0]);
      const target = cluster.known.get(id);
      if (!target) throw refuse(`ERR Unknown node ${id}`);
      if (id === cluster.id) throw refuse("ERR Can't replicate myself");
      if (target.role === 'replica') throw refuse('ERR I can only replicate a master, not a replica.');
      const isFull = engine.data.length > 0 || slotsOf(cluster, cluster.id).length > 0;
      if (self.role === 'primary' && isFull)
        throw refuse('ERR To set a master the node must be empty and without assigned slots.');
      replicate(wires, engine, id);
      return 'OK';
    }
    case 'FAILOVER': {
      if (self.role === 'primary') throw refuse('ERR You should send CLUSTER FAILOVER to a replica');
      const how = String(args[0] ?? '').toUpperCase();
      if (how === 'TAKEOVER') takeOver(wires, engine, cluster.currentEpoch + 1);
      else if (how === 'FORCE') askForVotes(wires, engine, true);
      else planFailover(wires, engine);
      return 'OK';
    }
    case 'ADDSLOTSRANGE': {
      const ranges = rangesOf(args);
      if (overlaps(ranges, cluster.owned)) throw refuse('ERR Slot is already busy');
      assign(cluster, ranges, cluster.id);
      return saved('OK');
    }
    case 'DELSLOTSRANGE':
      assign(cluster, rangesOf(args), null);
      return saved('OK');
    case 'SET-CONFIG-EPOCH':
      if (cluster.known.size > 1)
        throw refuse(
          'ERR The user can assign a config epoch only when the node does not know any other node.',
        );
      if (self.epoch !== 0) throw refuse('ERR Node config epoch is already non-zero');
      self.epoch = Number(args[0]);
      cluster.currentEpoch = Math.max(cluster.currentEpoch, self.epoch);
      return saved('OK');
    case 'BUMPEPOCH':
      cluster.currentEpoch += 1;
      self.epoch = cluster.currentEpoch;
      return saved('BUMPED');
    case 'SAVECONFIG':
      call.engine.hasFiles = true;
      return saved('OK');
    default:
      throw new Error(`the simulated engine does not know CLUSTER ${call.args.join(' ')}`);
  }
}

const overlaps = (
  ranges: readonly { readonly start: number; readonly end: number }[],
  others: readonly { readonly start: number; readonly end: number }[],
): boolean => ranges.some((one) => others.some((other) => other.start <= one.end && one.start <= other.end));
