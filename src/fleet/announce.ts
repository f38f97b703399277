/** Events as changes of a commit, so that an event is recorded together with the fact that it reports. */
import type { EventText } from '../catalog/events.ts';
import type { Scope } from '../model/resource.ts';
import type { Change } from '../store/contract.ts';

export function announce(scope: Scope, sourceId: string, text: EventText, date: number): Change {
  const { eventId, sourceType, message } = text;
  const { account, region } = scope;
  return { add: 'event', row: { account, region, sourceType, sourceId, message, eventId, date } };
}
