/** Events of caches that an action records together with its intent. */
import type { EventText } from '../../catalog/events.ts';
import type { Cache } from '../../model/resource.ts';
import type { Change } from '../../store/contract.ts';

export function cacheEvent(
  { account, region, id }: Pick<Cache, 'account' | 'region' | 'id'>,
  text: EventText,
  date: number,
): Change {
  return { add: 'event', row: { account, region, sourceId: id, date, ...text } };
}
