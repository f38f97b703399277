/** Back-off between failed attempts of one thing: 50 ms doubling to 5 s. */
export const retryDelayMs = (attempts: number): number =>
  Math.min(5_000, 50 * 2 ** Math.max(0, attempts - 1));
