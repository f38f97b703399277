/**
 * Faults on demand: what breaks in real life, done to one node or to a whole availability zone, so that people can
 * test what their programs do then. Limber's workers do not know of it: they find out and repair as they always do.
 */
import type { ActionContext } from '../actions/action.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { CacheNode, NodeRole } from '../model/node.ts';
import { invalidValue } from '../model/service-errors.ts';
import { cacheIdOf, chooseNodes, faultName } from './fault-targets.ts';
import {
  type FaultKind,
  type FaultOutcome,
  type FaultRequest,
  faultKinds,
  injectFault,
} from './inject-fault.ts';
import { createIsolation, type Isolation } from './isolation.ts';
import { livingNodes } from './living-nodes.ts';

interface FaultHit {
  /** As the fault command takes it: `orders-001`, `pages/0002`. */
  readonly node: string;
  /** Replication group or cluster. */
  readonly cache: string;
  readonly region: string;
  readonly account: string;
  readonly zone: string;
  /** As last confirmed before the fault. */
  readonly role: NodeRole | null;
  readonly address: string;
  readonly port: number;
  readonly pid: number | null;
  readonly outcome: FaultOutcome;
}

export interface FaultAnswer {
  readonly fault: FaultKind;
  /** Null: heal everything. */
  readonly target: string | null;
  readonly hit: readonly FaultHit[];
}

/** The admin route `fault`: `{ fault, target, region?, all? }`. */
export function createFaultRoute(fleet: Fleet, isolation: Isolation = createIsolation()) {
  return async (body: unknown, context: Pick<ActionContext, 'account'>): Promise<FaultAnswer> => {
    const request = parseRequest(body);
    const nodes = (await livingNodes(fleet)).filter(
      (node) =>
        request.all ||
        (node.account === context.account && (request.region === null || node.region === request.region)),
    );
    const chosen = request.target === null ? nodes : chooseNodes(nodes, request.target);
    const outcomes = await injectFault(fleet, isolation, request, chosen);
    const hit = chosen
      .filter((node) => request.target !== null || outcomes.get(node.incarnation) === 'done')
      .map((node) => describeHit(node, outcomes.get(node.incarnation) ?? 'unchanged'));
    return { fault: request.fault, target: request.target, hit };
  };
}

function parseRequest(body: unknown): FaultRequest {
  const { fault, target, region, all } = (body ?? {}) as Record<string, unknown>;
  const kind = faultKinds.find((one) => one === fault);
  if (!kind)
    throw invalidValue(
      `fault ${JSON.stringify(fault)?.slice(0, 80)}: expected one of ${faultKinds.join(', ')}.`,
    );
  const hasTarget = typeof target === 'string' && target !== '';
  if (!hasTarget && kind !== 'heal')
    throw invalidValue(`fault ${kind} needs a target: a node or an availability zone.`);
  return {
    fault: kind,
    target: hasTarget ? target : null,
    region: typeof region === 'string' ? region : null,
    all: all === true,
  };
}

function describeHit(node: CacheNode, outcome: FaultOutcome): FaultHit {
  return {
    node: faultName(node),
    cache: cacheIdOf(node),
    region: node.region,
    account: node.account,
    zone: node.availabilityZone,
    role: node.role,
    address: node.address,
    port: node.port,
    pid: node.handle?.pid ?? null,
    outcome,
  };
}
