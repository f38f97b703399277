/**
 * Reserved nodes: bookkeeping of what an account said it would keep. Nothing is paid, so a purchase is active at
 * once, and retired when its term is over. Rules: spec/behaviour.md §25.
 */
import type {
  DescribeReservedCacheNodesMessage,
  DescribeReservedCacheNodesOfferingsMessage,
  PurchaseReservedCacheNodesOfferingMessage,
  PurchaseReservedCacheNodesOfferingResult,
  ReservedCacheNode,
  ReservedCacheNodeMessage,
  ReservedCacheNodesOffering,
  ReservedCacheNodesOfferingMessage,
} from '@aws-sdk/client-elasticache';
import { nodeType } from '../../catalog/node-types.ts';
import {
  findOffering,
  offeredEngines,
  offeringDurations,
  offeringTypes,
  type ReservedOffering,
  reservedOfferings,
} from '../../catalog/reserved-offerings.ts';
import { buildArn } from '../../model/arns.ts';
import { parseReference, parseReservedCacheNodeId } from '../../model/identifiers.ts';
import { checkQuota, checkRange, quotas } from '../../model/limits.ts';
import { defaultReservedCacheNodeId } from '../../model/naming.ts';
import { pageOf, parsePage } from '../../model/paging.ts';
import type { Resource, Scope } from '../../model/resource.ts';
import { invalidValue, ServiceError } from '../../model/service-errors.ts';
import { parseTags } from '../../model/tags.ts';
import type { Store } from '../../store/contract.ts';
import { type Action, type ActionDeps, commitPlanned } from '../action.ts';
import { describeMatching } from '../shared/describe-page.ts';
import { newGroupRow, resourceKey } from '../shared/rows.ts';

const kind = 'reserved-node';
type ReservedNode = Resource<typeof kind>;

export const describeReservedCacheNodesOfferings =
  (
    _deps: ActionDeps,
  ): Action<DescribeReservedCacheNodesOfferingsMessage, ReservedCacheNodesOfferingMessage> =>
  async (input) => {
    if (input.ReservedCacheNodesOfferingId !== undefined)
      return { ReservedCacheNodesOfferings: [shapeOffering(requireOffering(input))] };
    const isWanted = parseFilter(input);
    const page = pageOf(reservedOfferings().filter(isWanted), (one) => one.id, parsePage(input));
    return { ReservedCacheNodesOfferings: page.items.map(shapeOffering), Marker: page.marker };
  };

export const purchaseReservedCacheNodesOffering =
  (
    deps: ActionDeps,
  ): Action<PurchaseReservedCacheNodesOfferingMessage, PurchaseReservedCacheNodesOfferingResult> =>
  async (input, context) => {
    const offering = requireOffering(input);
    const id =
      input.ReservedCacheNodeId === undefined
        ? defaultReservedCacheNodeId(context.now)
        : parseReservedCacheNodeId(input.ReservedCacheNodeId);
    const cacheNodeCount = input.CacheNodeCount ?? 1;
    checkRange('CacheNodeCount', cacheNodeCount, 1, quotas.reservedNodes.limit);
    const desired = desiredOf(offering, cacheNodeCount);
    const row = newGroupRow(deps, context, { kind, id, desired, tags: parseTags(input.Tags ?? []) });
    await commitPlanned(deps.store, async () => {
      if (await deps.store.resource(resourceKey(context, kind, id)))
        throw new ServiceError(
          'ReservedCacheNodeAlreadyExists',
          `The reserved cache node ${id} already exists.`,
        );
      const active = await countActive(deps.store, context, context.now.getTime());
      checkQuota(quotas.reservedNodes, active, cacheNodeCount);
      return { changes: [{ put: 'resource', row }], result: null };
    });
    return { ReservedCacheNode: shapeReservedNode(row, context.now) };
  };

export const describeReservedCacheNodes =
  (deps: ActionDeps): Action<DescribeReservedCacheNodesMessage, ReservedCacheNodeMessage> =>
  async (input, context) => {
    if (input.ReservedCacheNodeId !== undefined) {
      const id = parseReference(input.ReservedCacheNodeId, 'ReservedCacheNodeId');
      const row = await deps.store.resource(resourceKey(context, kind, id));
      if (!row)
        throw new ServiceError('ReservedCacheNodeNotFound', `The reserved cache node ${id} was not found.`);
      return { ReservedCacheNodes: [shapeReservedNode(row, context.now)] };
    }
    const isWanted = parseFilter(input);
    const offeringId = input.ReservedCacheNodesOfferingId?.toLowerCase();
    const { account, region } = context;
    const page = await describeMatching(
      deps.store,
      { account, region, kind },
      input,
      ({ desired }) => isWanted(desired) && (offeringId === undefined || desired.offeringId === offeringId),
    );
    return {
      ReservedCacheNodes: page.items.map((row) => shapeReservedNode(row, context.now)),
      Marker: page.marker,
    };
  };

interface FilterInput {
  readonly CacheNodeType?: string | undefined;
  readonly Duration?: string | undefined;
  readonly ProductDescription?: string | undefined;
  readonly OfferingType?: string | undefined;
}

type Filtered = Pick<
  ReservedNode['desired'],
  'cacheNodeType' | 'durationSeconds' | 'productDescription' | 'offeringType'
>;

function parseFilter(input: FilterInput): (one: Filtered) => boolean {
  const type = input.CacheNodeType === undefined ? undefined : nodeType(input.CacheNodeType).name;
  const seconds = input.Duration === undefined ? undefined : parseDuration(input.Duration);
  const product = oneOf('ProductDescription', input.ProductDescription?.toLowerCase(), offeredEngines);
  const offeringType = oneOf('OfferingType', input.OfferingType, [
    ...offeringTypes,
    // The kinds that AWS no longer sells: known words, which find nothing.
    'Light Utilization',
    'Medium Utilization',
    'Heavy Utilization',
  ]);
  return (one) =>
    (type === undefined || one.cacheNodeType === type) &&
    (seconds === undefined || one.durationSeconds === seconds) &&
    (product === undefined || one.productDescription === product) &&
    (offeringType === undefined || one.offeringType === offeringType);
}

/** Years (`1`, `3`) or seconds (`31536000`, `94608000`). */
function parseDuration(value: string): number {
  const [oneYear, threeYears] = offeringDurations;
  const durations: Readonly<Record<string, number>> = {
    '1': oneYear,
    '3': threeYears,
    [String(oneYear)]: oneYear,
    [String(threeYears)]: threeYears,
  };
  return durations[oneOf('Duration', value, Object.keys(durations)) as string] as number;
}

function oneOf(
  parameterName: string,
  value: string | undefined,
  allowed: readonly string[],
): string | undefined {
  if (value === undefined || allowed.includes(value)) return value;
  throw invalidValue(
    `The parameter ${parameterName} has the value "${value.slice(0, 80)}"; give one of ${allowed.join(', ')}.`,
  );
}

function requireOffering(input: {
  readonly ReservedCacheNodesOfferingId?: string | undefined;
}): ReservedOffering {
  const id = parseReference(input.ReservedCacheNodesOfferingId ?? '', 'ReservedCacheNodesOfferingId');
  const offering = findOffering(id);
  if (offering) return offering;
  throw new ServiceError(
    'ReservedCacheNodesOfferingNotFound',
    `The reserved cache nodes offering ${id.slice(0, 80)} was not found.`,
  );
}

function desiredOf(offering: ReservedOffering, cacheNodeCount: number): ReservedNode['desired'] {
  const { cacheNodeType, durationSeconds, fixedPrice, productDescription, offeringType } = offering;
  return {
    offeringId: offering.id,
    cacheNodeType,
    durationSeconds,
    fixedPrice,
    usagePrice: 0,
    cacheNodeCount,
    productDescription,
    offeringType,
    recurringCharges: [{ amount: offering.hourlyCharge, frequency: 'Hourly' }],
  };
}

/** Reserved nodes whose term is not over yet, counted with their CacheNodeCount. */
async function countActive(store: Store, { account, region }: Scope, now: number): Promise<number> {
  let count = 0;
  for (let after: string | null = null; ; ) {
    const rows: ReservedNode[] = await store.resources({ account, region, kind }, { after, limit: 500 });
    for (const row of rows) if (stateOf(row, now) === 'active') count += row.desired.cacheNodeCount;
    after = rows.at(-1)?.id ?? null;
    if (rows.length < 500) return count;
  }
}

function stateOf(row: ReservedNode, now: number): 'active' | 'retired' {
  return now < row.createdAt + row.desired.durationSeconds * 1000 ? 'active' : 'retired';
}

function shapeReservedNode(row: ReservedNode, now: Date): ReservedCacheNode {
  const { desired } = row;
  return {
    ReservedCacheNodeId: row.id,
    ReservedCacheNodesOfferingId: desired.offeringId,
    CacheNodeType: desired.cacheNodeType,
    StartTime: new Date(row.createdAt),
    Duration: desired.durationSeconds,
    FixedPrice: desired.fixedPrice,
    UsagePrice: desired.usagePrice,
    CacheNodeCount: desired.cacheNodeCount,
    ProductDescription: desired.productDescription,
    OfferingType: desired.offeringType,
    State: stateOf(row, now.getTime()),
    RecurringCharges: desired.recurringCharges.map(shapeCharge),
    ReservationARN: buildArn('reserved-instance', row.id, row),
  };
}

function shapeOffering(offering: ReservedOffering): ReservedCacheNodesOffering {
  return {
    ReservedCacheNodesOfferingId: offering.id,
    CacheNodeType: offering.cacheNodeType,
    Duration: offering.durationSeconds,
    FixedPrice: offering.fixedPrice,
    UsagePrice: 0,
    ProductDescription: offering.productDescription,
    OfferingType: offering.offeringType,
    RecurringCharges: [shapeCharge({ amount: offering.hourlyCharge, frequency: 'Hourly' })],
  };
}

function shapeCharge(charge: ReservedNode['desired']['recurringCharges'][number]) {
  return { RecurringChargeAmount: charge.amount, RecurringChargeFrequency: charge.frequency };
}
