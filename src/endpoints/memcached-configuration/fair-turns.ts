/**
 * The one thread of the server, shared fairly among connections: each does a little in its turn and then waits until all
 * the others had theirs. Between slices the event loop looks at its sockets and timers, so that no number of busy
 * connections keeps a newcomer, or a probe, from being served.
 */

/** Does a little; true when there is more to do at once. */
type Turn = () => boolean;

export interface FairTurns {
  /** Has something to do: it gets its turn now if nobody waits, else after all who do. May be called again before. */
  ready(turn: Turn): void;
}

/** How long turns go on before the event loop has a look; a judgement. */
const sliceMs = 4;

export function createFairTurns(): FairTurns {
  /** A set keeps the order in which they became ready. */
  const waiting = new Set<Turn>();
  let isScheduled = false;
  let isInTurn = false;
  /** Of this round of the event loop. */
  let spentMs = 0;

  const schedule = () => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(runSlice);
  };
  const run = (turn: Turn) => {
    const start = performance.now();
    isInTurn = true;
    try {
      if (turn()) waiting.add(turn);
    } finally {
      isInTurn = false;
      spentMs += performance.now() - start;
    }
  };
  const runSlice = () => {
    isScheduled = false;
    spentMs = 0;
    if (waiting.size > 0) schedule();
    for (const turn of waiting) {
      waiting.delete(turn);
      run(turn);
      if (spentMs > sliceMs) return;
    }
  };

  return {
    ready(turn) {
      schedule();
      // Nobody waits: it need not either, which spares a quiet connection the way through the queue.
      if (waiting.size === 0 && !isInTurn && spentMs < sliceMs) run(turn);
      else waiting.add(turn);
    },
  };
}
