/** What a suite of measurements is given, and what it hands back. */
import type { Scope } from './scope.ts';

export interface SuiteOptions {
  /** Few and short rounds: shows that it works, not what it measures. */
  readonly isQuick: boolean;
  /** Rounds of each measurement instead of the suite's own number; null: its own. */
  readonly rounds: number | null;
  readonly scope: Scope;
  /** One line of progress for people. */
  readonly say: (line: string) => void;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What was measured, and how; a sentence or two. */
  readonly note?: string;
}

/** A goal of the project and what was found. */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly isMet: boolean;
}

export interface SuiteResult {
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
  /** Every single value, by name; JSON. */
  readonly values: unknown;
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  run(options: SuiteOptions): Promise<SuiteResult>;
}
