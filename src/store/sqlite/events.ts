/** Events, ordered by the number that the store gives them. */
import type { CacheEvent } from '../../model/event.ts';
import type { EventFilter, NumberedEvent } from '../contract.ts';
import type { Database, Value } from './database.ts';

export function addEvent(database: Database, event: CacheEvent): void {
  database.run(
    `INSERT INTO event (account, region, source_type, source_id, message, event_id, date)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ...[event.account, event.region, event.sourceType, event.sourceId],
    ...[event.message, event.eventId, event.date],
  );
}

export function readEvents(
  database: Database,
  filter: EventFilter,
  page: { readonly before: number | null; readonly limit: number },
): NumberedEvent[] {
  const conditions = ['account = ?', 'region = ?', 'date BETWEEN ? AND ?', 'number < ?'];
  const values: Value[] = [
    filter.account,
    filter.region,
    filter.from,
    filter.until,
    page.before ?? Number.MAX_SAFE_INTEGER,
  ];
  if (filter.sourceType !== undefined) {
    conditions.push('source_type = ?');
    values.push(filter.sourceType);
  }
  if (filter.sourceId !== undefined) {
    conditions.push('source_id = ?');
    values.push(filter.sourceId);
  }
  const rows = database.all<NumberedEvent>(
    `SELECT number, account, region, source_type AS sourceType, source_id AS sourceId, message,
        event_id AS eventId, date
      FROM event WHERE ${conditions.join(' AND ')} ORDER BY number DESC LIMIT ?`,
    ...values,
    page.limit,
  );
  return rows.map((row) => ({ ...row }));
}

/** Deletes up to `limit` events older than `time`; returns how many. */
export function forgetEvents(database: Database, time: number, limit: number): number {
  return database.run(
    'DELETE FROM event WHERE number IN (SELECT number FROM event WHERE date < ? ORDER BY date LIMIT ?)',
    time,
    limit,
  );
}
