/** What Limber remembers beside its resources, as where the last address was given out. Nothing that a user sets. */
export interface Setting {
  readonly name: string;
  /** Starts at 1, +1 with each write. */
  readonly version: number;
  readonly value: string;
}

/** The row to write, over the one that was read. */
export const nextSetting = (name: string, before: Setting | null, value: string): Setting => ({
  name,
  version: (before?.version ?? 0) + 1,
  value,
});
