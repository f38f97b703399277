/**
 * The fault matrix of what is asked for: something breaks within some milliseconds of a request that ends processes. Each
 * case ends with nothing under way, the group whole, and its key there. `LIMBER_TEST_FULL=1` runs all of it (npm run
 * test:faults); otherwise those run that differ most from each other.
 */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DecreaseReplicaCountCommand,
  DeleteReplicationGroupCommand,
  IncreaseReplicaCountCommand,
  RebootCacheClusterCommand,
  TestFailoverCommand,
} from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { atRest } from '../chaos/leftovers.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { strikeNodes, strikeProcess } from './fault-scenes.ts';
import { engineAt, isAlive, type Node, primaryOf, replicasOf, wholeAgain } from './faults.ts';
import { automaticTrio, clusterPair } from './last-copy.ts';

const isFull = process.env.LIMBER_TEST_FULL === '1';

const faults = ['kill -9', 'hang', 'slow'] as const;
const targets = ['primary', 'first replica', 'last replica', 'primary and first replica', 'Limber'] as const;
/** When it breaks, milliseconds after the request was sent. */
const moments = [-5, 0, 3, 8] as const;

const requests = {
  DecreaseReplicaCount: (id: string) =>
    new DecreaseReplicaCountCommand({ ReplicationGroupId: id, NewReplicaCount: 1, ApplyImmediately: true }),
  'DecreaseReplicaCount of the only replica (cluster mode)': (id: string) =>
    new DecreaseReplicaCountCommand({ ReplicationGroupId: id, NewReplicaCount: 0, ApplyImmediately: true }),
  IncreaseReplicaCount: (id: string) =>
    new IncreaseReplicaCountCommand({ ReplicationGroupId: id, NewReplicaCount: 3, ApplyImmediately: true }),
  TestFailover: (id: string) => new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' }),
  'RebootCacheCluster of the primary': (_id: string, primary: Node) =>
    new RebootCacheClusterCommand({ CacheClusterId: primary.id, CacheNodeIdsToReboot: ['0001'] }),
} as const;
type Request = keyof typeof requests;

interface Case {
  readonly request: Request;
  readonly fault: (typeof faults)[number];
  readonly target: (typeof targets)[number];
  readonly moment: (typeof moments)[number];
}

const inCluster = (request: Request): boolean => request.includes('cluster mode');

/** Why a combination is no case; null when it is one. */
function whyNot({ request, fault, target, moment }: Case): string | null {
  if (inCluster(request) && target !== 'primary' && target !== 'first replica' && target !== 'Limber')
    return 'it has one replica';
  if (target === 'Limber' && (fault !== 'kill -9' || moment < 0))
    return 'it is asked, and a hang of it is a pause';
  // The request itself takes a copy: what dies after that may be the last one.
  const takesCopy = request.startsWith('DecreaseReplicaCount');
  const leavesOne = inCluster(request) ? target === 'primary' : target === 'primary and first replica';
  if (takesCopy && leavesOne && moment >= 0) return 'whoever leaves may have left by then';
  if (target === 'primary and first replica' && (request === 'TestFailover' || fault === 'slow'))
    return 'the request takes one copy, the fault two: of three none is left';
  return null;
}

const all = Object.keys(requests).flatMap((request) =>
  faults.flatMap((fault) =>
    targets.flatMap((target) =>
      moments.map((moment): Case => ({ request: request as Request, fault, target, moment })),
    ),
  ),
);
const cases = all.filter((one) => whyNot(one) === null);
/** A kill for each pair of request and target, each time at another moment; and one hang of each request. */
const always = cases.filter(({ request, fault, target, moment }) => {
  const nth = Object.keys(requests).indexOf(request) + targets.indexOf(target);
  if (fault === 'kill -9')
    return moment === moments[nth % moments.length] || (target === 'Limber' && moment === 3);
  return fault === 'hang' && target === 'first replica' && moment === 0;
});

let limber: Limber;
let number = 0;
before(async () => {
  limber = await startLimber({ settings: { testFailoversPerDay: 1_000 } });
});

async function group(one: Case): Promise<{ id: string; nodes: readonly Node[] }> {
  number += 1;
  const id = `q${number}`;
  await createGroup(limber, id, inCluster(one.request) ? clusterPair : automaticTrio);
  const nodes = await wholeAgain(limber, id);
  await askOnce(primaryOf(nodes), 'SET', 'kept', 'yes');
  for (const replica of replicasOf(nodes)) await eventually(async () => (await engineAt(replica)).keys === 1);
  return { id, nodes: [primaryOf(nodes), ...replicasOf(nodes)] };
}

function victimsOf({ target }: Case, [primary, ...replicas]: readonly Node[]): readonly Node[] {
  switch (target) {
    case 'primary':
      return [primary!];
    case 'first replica':
      return replicas.slice(0, 1);
    case 'last replica':
      return replicas.slice(-1);
    case 'primary and first replica':
      return [primary!, replicas[0]!];
    default:
      return [];
  }
}

async function run(t: TestContext, one: Case): Promise<void> {
  const { id, nodes } = await group(one);
  const client = limber.client();
  const strike = async () => {
    if (one.target !== 'Limber') return strikeNodes(limber, one.fault, victimsOf(one, nodes), nodes);
    await strikeProcess(limber, one.fault, 'Limber');
    return () => {};
  };
  // What is refused now is no failure, nor is an answer that a dead Limber does not give.
  const ask = () => {
    const answer = client.send(requests[one.request](id, nodes[0]!) as TestFailoverCommand);
    answer.catch(() => {}); // judged below
    return answer;
  };
  let asking: Promise<unknown> = Promise.resolve();
  if (one.moment >= 0) {
    asking = ask();
    await delay(one.moment);
  }
  const release = await strike();
  t.after(release);
  if (one.moment < 0) {
    await delay(-one.moment);
    asking = ask();
  }
  await asking.then(null, isFitting);
  if (one.fault === 'hang') {
    const isOver = () => victimsOf(one, nodes).every((node) => !isAlive(node));
    await eventually(isOver, { deadlineMs: 3_000 }).catch(() => release());
  }
  await atRest(limber, 60_000);
  const whole = await wholeAgain(limber, id, { deadlineMs: 40_000 });
  assert.equal(await askOnce(primaryOf(whole), 'GET', 'kept'), 'yes');
  await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }));
}

function isFitting(error: Error): void {
  const isRefusal = /^(Invalid\w*State|TestFailoverNotAvailable)/.test(error.name);
  const isCutOff = /ECONNRE|socket hang up|ECONNREFUSED/.test(
    `${(error as { code?: string }).code} ${error.message}`,
  );
  assert.ok(isRefusal || isCutOff, `${error.name}: ${error.message}`);
}

for (const request of Object.keys(requests) as Request[])
  describe(`${request}, while something breaks`, () => {
    for (const one of (isFull ? cases : always).filter((other) => other.request === request))
      it(`${one.fault} × ${one.target} × ${one.moment} ms after the request`, { timeout: 120_000 }, (t) =>
        run(t, one),
      );
  });
