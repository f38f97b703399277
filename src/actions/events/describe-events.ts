/** DescribeEvents: what happened, newest first. Rules: spec/events.json `_meta.describeEvents`. */
import type { DescribeEventsMessage, EventsMessage } from '@aws-sdk/client-elasticache';
import { type EventSourceType, eventSourceTypes } from '../../model/event.ts';
import { checkRange } from '../../model/limits.ts';
import { encodeMarker, parsePage } from '../../model/paging.ts';
import { invalidCombination, invalidValue } from '../../model/service-errors.ts';
import type { EventFilter } from '../../store/contract.ts';
import type { Action, ActionContext, ActionDeps } from '../action.ts';

const minuteMs = 60_000;
const retentionMs = 14 * 24 * 60 * minuteMs;
const usualSpanMs = 60 * minuteMs;

export const describeEvents =
  (deps: ActionDeps): Action<DescribeEventsMessage, EventsMessage> =>
  async (input, context) => {
    const { limit, fromKey } = parsePage(input);
    const filter = parseFilter(input, context);
    const before = fromKey === null ? null : parseEventNumber(fromKey);
    const events = await deps.store.events(filter, { before, limit: limit + 1 });
    const shown = events.slice(0, limit);
    const last = shown.at(-1);
    return {
      Events: shown.map((event) => ({
        SourceIdentifier: event.sourceId,
        SourceType: event.sourceType,
        Message: event.message,
        Date: new Date(event.date),
      })),
      Marker: last && events.length > limit ? encodeMarker(String(last.number)) : undefined,
    };
  };

function parseFilter(input: DescribeEventsMessage, { account, region, now }: ActionContext): EventFilter {
  const { SourceIdentifier: sourceId, SourceType: sourceType } = input;
  if (sourceType !== undefined && !isSourceType(sourceType))
    throw invalidValue(
      `The parameter SourceType has the value "${String(sourceType).slice(0, 80)}"; give one of ${eventSourceTypes.join(', ')}.`,
    );
  return {
    account,
    region,
    ...timeSpan(input, now.getTime()),
    ...(sourceType !== undefined && { sourceType }),
    ...(sourceId !== undefined && { sourceId: sourceId.toLowerCase() }),
  };
}

/**
 * Which time is asked for, milliseconds since 1970: StartTime to EndTime, where either may be missing. Duration
 * (minutes) stands for the missing one, or goes back from now. Without any: the last 60 minutes. What lies more than
 * 14 days back is gone, so an older StartTime asks for 14 days.
 */
function timeSpan(input: DescribeEventsMessage, now: number): { from: number; until: number } {
  const { StartTime: start, EndTime: end, Duration: duration } = input;
  if (duration !== undefined) checkRange('Duration', duration, 1, retentionMs / minuteMs);
  if (duration !== undefined && start && end)
    throw invalidCombination(
      'The parameter Duration cannot be given together with both StartTime and EndTime.',
    );
  if (start && end && end <= start)
    throw invalidCombination(
      `The parameter EndTime (${end.toISOString()}) must be after StartTime (${start.toISOString()}).`,
    );
  const oldest = now - retentionMs;
  const spanMs = duration === undefined ? usualSpanMs : duration * minuteMs;
  if (start) {
    const until = end?.getTime() ?? (duration === undefined ? now : start.getTime() + spanMs);
    return { from: Math.max(start.getTime(), oldest), until };
  }
  const until = end?.getTime() ?? now;
  return { from: Math.max(until - spanMs, oldest), until };
}

function isSourceType(value: string): value is EventSourceType {
  return (eventSourceTypes as readonly string[]).includes(value);
}

function parseEventNumber(key: string): number {
  if (!/^\d{1,15}$/.test(key))
    throw invalidValue('The parameter Marker is not valid; give the value of an earlier answer, unchanged.');
  return Number(key);
}
