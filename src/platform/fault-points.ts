/**
 * Named gaps where a crash matters. Tests set `LIMBER_FAULT_POINT=<name>` and Limber dies there as if by
 * SIGKILL: no handler runs, nothing is flushed. `<name>@3`: when the point is passed for the third time. Without
 * the variable a point costs one comparison.
 */
const [armed, count = '1'] = process.env.LIMBER_FAULT_POINT?.split('@') ?? [];
let passesLeft = Number(count);

export function faultPoint(name: string): void {
  if (armed === undefined || armed !== name) return;
  passesLeft -= 1;
  if (passesLeft > 0) return;
  process.kill(process.pid, 'SIGKILL');
  // Most of the time the signal arrives before `kill` returns. When it does not: wait for it, and never go on.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}
