/** Events as changes: what happened is committed together with the fact. */
import type { CacheEvent, EventSourceType } from '../model/event.ts';
import type { Scope } from '../model/resource.ts';
import type { Change } from '../store/contract.ts';

/** What the catalogue of events gives: texts and ids as ElastiCache writes them. */
export interface EventText {
  readonly eventId: string;
  readonly sourceType: EventSourceType;
  readonly message: string;
}

export function announce(scope: Scope, sourceId: string, text: EventText, date: number): Change {
  const row: CacheEvent = {
    account: scope.account,
    region: scope.region,
    sourceId,
    sourceType: text.sourceType,
    message: text.message,
    eventId: text.eventId,
    date,
  };
  return { add: 'event', row };
}
