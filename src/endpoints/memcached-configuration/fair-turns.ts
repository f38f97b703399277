/**
 * The one thread of the server, shared fairly among connections: each does a little in its turn and then waits until all
 * the others had theirs. Between slices the event loop looks at its sockets and timers, so that no number of busy
 * connections keeps a newcomer, or a probe, from being served.
 */

/** A little work of one connection; true when it has more to do at once. */
type Turn = () => boolean;

export interface FairTurns {
  /** Says that a connection has something to do: it gets its turn now if no other waits, else after all that do. May be called again before. */
  ready(turn: Turn): void;
}

/** How long turns go on before the event loop has a look; a judgement. */
const sliceMs = 4;

export function createFairTurns(): FairTurns {
  /** A set keeps the order in which they became ready. */
  const waiting = new Set<Turn>();
  let isScheduled = false;
  let isInTurn = false;
  /** How much of this round of the event loop the turns have taken. */
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
      // While no other connection waits, this one need not either: a quiet server answers without the queue.
      if (waiting.size === 0 && !isInTurn && spentMs < sliceMs) run(turn);
      else waiting.add(turn);
    },
  };
}
