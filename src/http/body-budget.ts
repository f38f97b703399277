/**
 * The memory that request bodies under way may take, all together. Whoever sends many large bodies and never ends them
 * can only take it from others who do so too: when it runs out, the largest body is given up. Calls of the API have a
 * few hundred bytes and are whole within a millisecond.
 */
export interface BodyBudget {
  /** A share for one body. `onGivenUp` is called at most once, when its memory is needed elsewhere. */
  open(onGivenUp: () => void): BodyShare;
}

interface BodyShare {
  /** Adds to what this body takes, which may give up a body: also this one. */
  take(bytes: number): void;
  /** Gives everything back; may be repeated. */
  end(): void;
}

interface Holder {
  bytes: number;
  readonly onGivenUp: () => void;
}

export function createBodyBudget(bytesMax: number): BodyBudget {
  const holders = new Set<Holder>();
  let total = 0;

  const end = (holder: Holder) => {
    if (holders.delete(holder)) total -= holder.bytes;
  };

  const giveUpLargest = () => {
    let largest: Holder | undefined;
    for (const holder of holders) if (!largest || holder.bytes > largest.bytes) largest = holder;
    if (!largest) return;
    end(largest);
    largest.onGivenUp();
  };

  return {
    open(onGivenUp) {
      const holder: Holder = { bytes: 0, onGivenUp };
      holders.add(holder);
      return {
        take(bytes) {
          if (!holders.has(holder)) return;
          holder.bytes += bytes;
          total += bytes;
          while (total > bytesMax) giveUpLargest();
        },
        end: () => end(holder),
      };
    },
  };
}
