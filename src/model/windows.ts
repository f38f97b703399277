/**
 * Maintenance windows (weekly, `sun:23:00-mon:01:30`) and snapshot windows (daily, `05:00-06:00`). All times are UTC.
 * Source: spec/behaviour.md §5, §11 and §12.
 */
import { ServiceError } from './service-errors.ts';

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const dayMinutes = 24 * 60;
const weekMinutes = 7 * dayMinutes;

/** A window that comes back every `periodMinutes`, and may wrap round the end of its period. */
interface Window {
  /** As stored and shown: lower-case. */
  readonly text: string;
  /** Since Sunday 00:00 UTC for a maintenance window, since midnight UTC for a snapshot window. */
  readonly startMinute: number;
  /** 60–1440. */
  readonly durationMinutes: number;
  readonly periodMinutes: number;
}

/** `ddd:hh24:mi-ddd:hh24:mi`, 60 minutes to 24 hours; throws `InvalidParameterValue`. */
export function parseMaintenanceWindow(value: string, parameterName = 'PreferredMaintenanceWindow'): Window {
  const text = value.toLowerCase();
  const match = /^([a-z]{3}):(\d\d):(\d\d)-([a-z]{3}):(\d\d):(\d\d)$/.exec(text);
  const start = match && minuteOfWeek(match[1], match[2], match[3]);
  const end = match && minuteOfWeek(match[4], match[5], match[6]);
  const allowed = 'Give ddd:hh24:mi-ddd:hh24:mi in UTC, like sun:05:00-sun:06:00, of 60 minutes to 24 hours.';
  return window({ value, text, start, end, periodMinutes: weekMinutes, parameterName, allowed });
}

/** `hh24:mi-hh24:mi`, at least 60 minutes; throws `InvalidParameterValue`. */
export function parseSnapshotWindow(value: string, parameterName = 'SnapshotWindow'): Window {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(value);
  const start = match && minuteOfDay(match[1], match[2]);
  const end = match && minuteOfDay(match[3], match[4]);
  const allowed = 'Give hh24:mi-hh24:mi in UTC, like 05:00-06:00, of at least 60 minutes.';
  return window({ value, text: value, start, end, periodMinutes: dayMinutes, parameterName, allowed });
}

/** The end of a window does not belong to it. */
export function isInWindow(of: Window, at: Date): boolean {
  return wrap(minuteIn(of, at) - of.startMinute, of.periodMinutes) < of.durationMinutes;
}

export function windowsOverlap(maintenance: Window, snapshot: Window): boolean {
  return days.some((_, day) => {
    const start = day * dayMinutes + snapshot.startMinute;
    return (
      wrap(start - maintenance.startMinute, weekMinutes) < maintenance.durationMinutes ||
      wrap(maintenance.startMinute - start, weekMinutes) < snapshot.durationMinutes
    );
  });
}

/** Throws `InvalidParameterCombination` when the two meet (U: the code is AWS's for RDS, its sister service). */
export function checkWindowsApart(maintenance: Window, snapshot: Window): void {
  if (windowsOverlap(maintenance, snapshot))
    throw new ServiceError(
      'InvalidParameterCombination',
      `The snapshot window ${snapshot.text} and the maintenance window ${maintenance.text} must not overlap.`,
    );
}

/**
 * 60 minutes on a random weekday within the region's quiet hours, starting on the half hour. `random` is in
 * [0, 1). With `apartFrom`, a window that does not meet that snapshot window, if there is one.
 */
export function defaultMaintenanceWindow(region: string, random: number, apartFrom?: Window): Window {
  const candidates = days.flatMap((_, day) =>
    quietStarts(region).map((minute) => maintenanceHour(day * dayMinutes + minute)),
  );
  const free = apartFrom
    ? candidates.filter((candidate) => !windowsOverlap(candidate, apartFrom))
    : candidates;
  return choose(free.length > 0 ? free : candidates, random);
}

/**
 * 60 minutes within the region's quiet hours that do not meet `maintenance`; anywhere in the day when a long
 * maintenance window takes all of them. A maintenance window of 24 hours meets every snapshot window: then the
 * quiet hours decide alone, since the user asked for it.
 */
export function defaultSnapshotWindow(region: string, random: number, maintenance: Window): Window {
  const quiet = quietStarts(region).map(snapshotHour);
  const wholeDay = Array.from({ length: 48 }, (_, half) => snapshotHour(half * 30));
  const apart = (candidates: readonly Window[]) =>
    candidates.filter((one) => !windowsOverlap(maintenance, one));
  const candidates = [apart(quiet), apart(wholeDay), quiet].find((list) => list.length > 0) ?? quiet;
  return choose(candidates, random);
}

/** First hour (UTC) of the 8 quiet hours of a region; AWS's published examples. Elsewhere 03–11 (our choice). */
const quietHourByRegion: Readonly<Record<string, number>> = {
  'us-east-1': 3,
  'us-east-2': 4,
  'us-west-1': 6,
  'us-west-2': 6,
  'eu-west-1': 22,
  'eu-central-1': 23,
  'ap-northeast-1': 13,
  'ap-southeast-1': 14,
  'ap-southeast-2': 12,
  'sa-east-1': 1,
  'ca-central-1': 3,
};

/** Minutes of the day at which an hour may start so that it ends within the 8 quiet hours. */
function quietStarts(region: string): readonly number[] {
  const first = (quietHourByRegion[region] ?? 3) * 60;
  return Array.from({ length: 15 }, (_, half) => wrap(first + half * 30, dayMinutes));
}

function maintenanceHour(startMinute: number): Window {
  return parseMaintenanceWindow(`${weekTime(startMinute)}-${weekTime(startMinute + 60)}`);
}

function snapshotHour(startMinute: number): Window {
  return parseSnapshotWindow(`${dayTime(startMinute)}-${dayTime(startMinute + 60)}`);
}

function choose(candidates: readonly Window[], random: number): Window {
  return candidates[Math.floor(random * candidates.length)] as Window;
}

interface WindowParts {
  readonly value: string;
  readonly text: string;
  readonly start: number | null;
  readonly end: number | null;
  readonly periodMinutes: number;
  readonly parameterName: string;
  readonly allowed: string;
}

function window({ value, text, start, end, periodMinutes, parameterName, allowed }: WindowParts): Window {
  // A window whose end is its start would last no time at all, or a whole period: neither is allowed.
  const durationMinutes = start === null || end === null ? 0 : wrap(end - start, periodMinutes);
  if (start === null || durationMinutes < 60 || durationMinutes > dayMinutes) {
    const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value;
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${parameterName} is not a valid window: "${shown}". ${allowed}`,
    );
  }
  return { text, startMinute: start, durationMinutes, periodMinutes };
}

function minuteOfWeek(
  day: string | undefined,
  hour: string | undefined,
  minute: string | undefined,
): number | null {
  const dayIndex = (days as readonly (string | undefined)[]).indexOf(day);
  const ofDay = minuteOfDay(hour, minute);
  return dayIndex < 0 || ofDay === null ? null : dayIndex * dayMinutes + ofDay;
}

function minuteOfDay(hour: string | undefined, minute: string | undefined): number | null {
  return Number(hour) < 24 && Number(minute) < 60 ? Number(hour) * 60 + Number(minute) : null;
}

function minuteIn(of: Window, at: Date): number {
  const day = of.periodMinutes === weekMinutes ? at.getUTCDay() : 0;
  return day * dayMinutes + at.getUTCHours() * 60 + at.getUTCMinutes();
}

function weekTime(minute: number): string {
  return `${days[Math.floor(wrap(minute, weekMinutes) / dayMinutes)]}:${dayTime(minute)}`;
}

function dayTime(minute: number): string {
  const ofDay = wrap(minute, dayMinutes);
  return [Math.floor(ofDay / 60), ofDay % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

/** The remainder that is never negative. */
function wrap(value: number, period: number): number {
  return ((value % period) + period) % period;
}
