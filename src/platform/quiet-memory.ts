/**
 * Gives memory back after a burst. V8 collects garbage when more is asked for, so what a flood of requests left behind
 * would stay until the next one: 91 MB of 245 (measured). An ordinary collection keeps the pages; the one that gives them
 * back takes some 50 ms, so it waits until hardly anything is going on, and for a burst that is worth it.
 *
 * Needs Node's `--expose-gc` (bin/limber gives it); without it nothing is done.
 */

/** The share of time in which the event loop worked since the last look. A judgement. */
const quietUtilizationMax = 0.1;
/** Less than this is not worth a pause. */
const worthBytes = 32 * 2 ** 20;

/** The returned function looks, and collects when it is worth it; call it every some seconds. */
export function createQuietMemory(): () => void {
  let loop = performance.eventLoopUtilization();
  let restBytes = process.memoryUsage.rss();
  return () => {
    const { gc } = globalThis;
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, loop);
    loop = now;
    restBytes = Math.min(restBytes, process.memoryUsage.rss());
    const isWorthIt = process.memoryUsage.rss() - restBytes > worthBytes;
    if (!gc || !isWorthIt || utilization > quietUtilizationMax) return;
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    restBytes = process.memoryUsage.rss();
  };
}
