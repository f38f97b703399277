/** Events of groups. AWS documents their texts, but no names for them; these are ours (spec/events.json). */
import type { CacheEvent, EventSourceType } from '../../model/event.ts';
import type { Resource } from '../../model/resource.ts';
import type { Change } from '../../store/contract.ts';

const sources = {
  'parameter-group': {
    sourceType: 'cache-parameter-group',
    eventId: 'CacheParameterGroup',
    shown: 'Parameter group',
  },
  'subnet-group': { sourceType: 'cache-subnet-group', eventId: 'CacheSubnetGroup', shown: 'Subnet group' },
  'security-group': {
    sourceType: 'cache-security-group',
    eventId: 'CacheSecurityGroup',
    shown: 'Security group',
  },
} as const satisfies Record<string, { sourceType: EventSourceType; eventId: string; shown: string }>;

type Group = Resource<keyof typeof sources>;
type Happening = 'created' | 'modified' | 'deleted';

const endings = { created: 'Created', modified: 'Modified', deleted: 'Deleted' } as const;

/** `Subnet group created`, of the group itself. */
export function groupEvent(group: Group, happening: Happening, now: number): Change {
  const { shown, eventId } = sources[group.kind];
  return eventOf(group, `${shown} ${happening}`, `Limber:${eventId}${endings[happening]}`, now);
}

/** `Updated parameter timeout to 300`; a parameter without a value is shown as empty. */
export function parameterEvent(group: Group, name: string, value: string, now: number): Change {
  return eventOf(group, `Updated parameter ${name} to ${value}`, 'Limber:CacheParameterGroupModified', now);
}

function eventOf(group: Group, message: string, eventId: string, date: number): Change {
  const row: CacheEvent = {
    account: group.account,
    region: group.region,
    sourceType: sources[group.kind].sourceType,
    sourceId: group.id,
    message,
    eventId,
    date,
  };
  return { add: 'event', row };
}
