/**
 * Reserved-node offerings: for every current node type, engine, term and payment option one row. Nobody pays Limber
 * anything; the prices are made up from memory and processors (in the order of AWS's own, so that sums in a report
 * look sane) and never change, nor do the ids, which follow from what is offered.
 */
import { createHash } from 'node:crypto';
import type { Engine } from '../model/resource.ts';
import { type NodeType, nodeTypes } from './node-types.ts';

export const offeringTypes = ['No Upfront', 'Partial Upfront', 'All Upfront'] as const;
type OfferingType = (typeof offeringTypes)[number];

/** One year and three years, in seconds. */
export const offeringDurations = [31_536_000, 94_608_000] as const;
type OfferingDuration = (typeof offeringDurations)[number];

export const offeredEngines = ['memcached', 'redis', 'valkey'] as const satisfies readonly Engine[];

export interface ReservedOffering {
  /** Looks like a UUID. */
  readonly id: string;
  readonly cacheNodeType: string;
  readonly durationSeconds: OfferingDuration;
  readonly productDescription: Engine;
  readonly offeringType: OfferingType;
  /** USD, once per node. */
  readonly fixedPrice: number;
  /** USD per node and hour, due whether it runs or not. */
  readonly hourlyCharge: number;
}

/** Share of the on-demand price that is left, by term and payment. A judgement, near AWS's published savings. */
const shareLeft = {
  31536000: { 'No Upfront': 0.68, 'Partial Upfront': 0.65, 'All Upfront': 0.64 },
  94608000: { 'No Upfront': 0.52, 'Partial Upfront': 0.48, 'All Upfront': 0.45 },
} as const;

const upfrontShare = { 'No Upfront': 0, 'Partial Upfront': 0.5, 'All Upfront': 1 } as const;

let made: readonly ReservedOffering[] | undefined;

/** All offerings, ordered by id. Made when first asked for: 1,500 rows cost a start of Limber 20 ms. */
export function reservedOfferings(): readonly ReservedOffering[] {
  made ??= makeOfferings();
  return made;
}

export function findOffering(id: string): ReservedOffering | undefined {
  return reservedOfferings().find((one) => one.id === id.toLowerCase());
}

function makeOfferings(): readonly ReservedOffering[] {
  return nodeTypes
    .filter((type) => type.generation === 'current')
    .flatMap((type) =>
      offeredEngines
        .filter((engine) => type.minVersion[engine] !== null)
        .flatMap((engine) =>
          offeringDurations.flatMap((durationSeconds) =>
            offeringTypes.map((offeringType) => offering(type, engine, durationSeconds, offeringType)),
          ),
        ),
    )
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function offering(
  type: NodeType,
  engine: Engine,
  durationSeconds: OfferingDuration,
  offeringType: OfferingType,
): ReservedOffering {
  const hours = durationSeconds / 3600;
  const hourly = onDemandPrice(type, engine) * shareLeft[durationSeconds][offeringType];
  const upfront = upfrontShare[offeringType];
  return {
    id: stableId(`${type.name}/${engine}/${durationSeconds}/${offeringType}`),
    cacheNodeType: type.name,
    durationSeconds,
    productDescription: engine,
    offeringType,
    fixedPrice: Math.round(hourly * upfront * hours),
    hourlyCharge: Number((hourly * (1 - upfront)).toFixed(4)),
  };
}

/** USD per hour: 0.009 a GiB and 0.05 a processor (burstable types 0.01); Valkey a fifth less, as on AWS. */
function onDemandPrice(type: NodeType, engine: Engine): number {
  const perProcessor = type.name.startsWith('cache.t') ? 0.01 : 0.05;
  const price = 0.009 * type.memoryGiB + perProcessor * type.vcpu;
  return engine === 'valkey' ? price * 0.8 : price;
}

function stableId(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
