/**
 * Subnets and their network. There is no VPC here: any well-formed id is taken, and where a subnet lies follows from
 * its id alone, so that the same template always gets the same answer, also from another Limber.
 */
import { createHash } from 'node:crypto';
import { checkQuota, quotas } from '../../model/limits.ts';
import type { Scope, Subnet } from '../../model/resource.ts';
import { invalidValue } from '../../model/service-errors.ts';
import { zonesOf } from '../../model/zones.ts';

/** All subnets of an account and region lie in this one network. */
export function vpcIdOf({ account, region }: Scope): string {
  return `vpc-${digest(`vpc/${account}/${region}`)}`;
}

/** What the subnet group `default` holds: one subnet in each zone. */
export function defaultSubnets({ account, region }: Scope): readonly Subnet[] {
  return zonesOf(region).map((availabilityZone) => ({
    subnetId: `subnet-${digest(`subnet/${account}/${availabilityZone}`)}`,
    availabilityZone,
  }));
}

/**
 * Subnets in the order given, each once. Throws `InvalidParameterValue` for none and for what is not a subnet id (with
 * AWS's words, §29), and `CacheSubnetQuotaExceededFault` for more than 20.
 */
export function parseSubnets(subnetIds: readonly string[], scope: Scope): readonly Subnet[] {
  const distinct = [...new Set(subnetIds)];
  if (distinct.length === 0) throw invalidValue('The parameter SubnetIds must hold at least one subnet.');
  checkQuota(quotas.subnetsPerGroup, 0, distinct.length);
  const own = defaultSubnets(scope);
  if (!distinct.every((subnetId) => /^subnet-[0-9a-z-]{1,100}$/i.test(subnetId)))
    throw invalidValue(`Some input subnets in :[${distinct.join(', ').slice(0, 500)}] are invalid.`);
  return distinct.map((subnetId) => {
    return (
      own.find((subnet) => subnet.subnetId === subnetId) ?? {
        subnetId,
        availabilityZone: zone(subnetId, scope),
      }
    );
  });
}

function zone(subnetId: string, { region }: Scope): string {
  const zones = zonesOf(region);
  const number = createHash('sha256').update(subnetId).digest().readUInt32BE(0);
  return zones[number % zones.length] as string;
}

/** 17 hex digits, as AWS's ids have. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 17);
}
