/** Work that must not be done twice at the same time: each piece begins when the one before has ended, well or not. */
export interface Turns {
  take<T>(work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    take(work) {
      const mine = last.then(work, work);
      last = mine.catch(() => {});
      return mine;
    },
  };
}
