/** What `limber doctor` looks at, and what it says. */
import type { Presence } from '../start-record.ts';

export interface Examined {
  readonly dataDirectory: string;
  readonly presence: Presence;
  /** Of the API, as `limber up` would take it. */
  readonly port: number;
  /** CIDR. */
  readonly pool: string;
}

export interface Finding {
  /** `warn`: Limber works, but less well, or not for everything. `fail`: it cannot work. */
  readonly state: 'ok' | 'warn' | 'fail';
  readonly subject: string;
  readonly text: string;
  /** What to do; wherever the state is not ok. */
  readonly advice?: string;
}

export function ok(subject: string, text: string): Finding {
  return { state: 'ok', subject, text };
}

export function warn(subject: string, text: string, advice: string): Finding {
  return { state: 'warn', subject, text, advice };
}

export function fail(subject: string, text: string, advice: string): Finding {
  return { state: 'fail', subject, text, advice };
}
