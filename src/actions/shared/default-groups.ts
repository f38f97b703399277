/**
 * Groups by name, also those that exist in every account and region without having been created: the default
 * parameter groups of each family, and the subnet group `default`. They are rows like others, but with version 0,
 * never stored, never changed, never tagged.
 */
import {
  type DefaultParameterGroup,
  defaultParameterGroups,
  findDefaultParameterGroup,
} from '../../catalog/parameters.ts';
import type { Configuration } from '../../model/configuration.ts';
import type { ParameterGroup, Resource, Scope, SubnetGroup } from '../../model/resource.ts';
import { ServiceError } from '../../model/service-errors.ts';
import type { Change, Store } from '../../store/contract.ts';
import { resourceKey } from './rows.ts';
import { defaultSubnets, vpcIdOf } from './subnets.ts';

/** The stored or the default parameter group of that lower-case name; null when there is neither. */
export async function findParameterGroup(
  store: Store,
  scope: Scope,
  name: string,
): Promise<ParameterGroup | null> {
  const own = findDefaultParameterGroup(name);
  return own
    ? virtualParameterGroup(scope, own)
    : store.resource(resourceKey(scope, 'parameter-group', name));
}

/** The same, or `CacheParameterGroupNotFound`. */
export async function requireParameterGroup(
  store: Store,
  scope: Scope,
  name: string,
): Promise<ParameterGroup> {
  const group = await findParameterGroup(store, scope, name);
  if (group) return group;
  throw new ServiceError(
    'CacheParameterGroupNotFound',
    `CacheParameterGroup not found: ${name.slice(0, 255)}`,
  );
}

/** The same for requests that only look: ElastiCache words the error otherwise there, and programs match both. */
export async function describedParameterGroup(
  store: Store,
  scope: Scope,
  name: string,
): Promise<ParameterGroup> {
  const group = await findParameterGroup(store, scope, name);
  if (group) return group;
  throw new ServiceError(
    'CacheParameterGroupNotFound',
    `CacheParameterGroup ${name.slice(0, 255)} not found.`,
  );
}

/** The stored subnet group of that lower-case name, or `default`; null when there is neither. */
export async function findSubnetGroup(store: Store, scope: Scope, name: string): Promise<SubnetGroup | null> {
  if (name === 'default') return defaultSubnetGroup(scope);
  return store.resource(resourceKey(scope, 'subnet-group', name));
}

/** The same, or `CacheSubnetGroupNotFoundFault`. */
export async function requireSubnetGroup(store: Store, scope: Scope, name: string): Promise<SubnetGroup> {
  const group = await findSubnetGroup(store, scope, name);
  if (group) return group;
  throw new ServiceError(
    'CacheSubnetGroupNotFoundFault',
    `Cache Subnet Group ${name.slice(0, 255)} does not exist.`,
  );
}

/** The configuration of a cache that uses this group as it is now. */
export const configurationFrom = ({ id, desired }: ParameterGroup): Omit<Configuration, 'version'> => ({
  parameterGroupName: id,
  family: desired.family,
  overrides: desired.overrides,
});

/** True for a group of the service's own. */
export function isVirtual(row: Resource): boolean {
  return row.version === 0;
}

/**
 * For the commit of a new reference to this group: refused when somebody deleted the group meanwhile. Empty for a
 * default group, which cannot go.
 */
export function groupStands(group: ParameterGroup | SubnetGroup): readonly Change[] {
  return isVirtual(group) ? [] : [{ require: 'resource', key: resourceKey(group, group.kind, group.id) }];
}

/** All default parameter groups, ordered by name. */
export function defaultParameterGroupRows(scope: Scope): readonly ParameterGroup[] {
  return defaultParameterGroups
    .map((group) => virtualParameterGroup(scope, group))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function defaultSubnetGroup(scope: Scope): SubnetGroup {
  const desired = {
    description: 'Default CacheSubnetGroup',
    vpcId: vpcIdOf(scope),
    subnets: defaultSubnets(scope),
  };
  return { ...unstored(scope), kind: 'subnet-group', id: 'default', desired };
}

function virtualParameterGroup(
  scope: Scope,
  { name, family, description, overrides }: DefaultParameterGroup,
): ParameterGroup {
  return {
    ...unstored(scope),
    kind: 'parameter-group',
    id: name,
    desired: { family, description, overrides },
  };
}

function unstored({ account, region }: Scope) {
  return {
    account,
    region,
    incarnation: '0000000000000000',
    version: 0,
    status: 'available',
    tags: [],
    observed: {},
    createdAt: 0,
    updatedAt: 0,
  };
}
