/**
 * The connections that are open, and whose place a newcomer gets when there are too many: the stranger's (nothing that
 * came on it was signed) who has been there longest, then the client's who has been idle longest. Turning newcomers away
 * would let whoever holds connections and says nothing keep everybody out. A connection whose request is in
 * work keeps its place.
 */
import type { Socket } from 'node:net';

interface Connections {
  /** Takes up a new connection, at the expense of another one if need be, or ends it when all the others are at work. */
  admit(socket: Socket): void;
  /** A request that came on it is signed, and is worked on until `rest`. */
  work(socket: Socket): void;
  rest(socket: Socket): void;
  all(): Iterable<Socket>;
}

export function createConnections(connectionsMax: number): Connections {
  const strangers = new Set<Socket>();
  const idle = new Set<Socket>();
  /** Requests in work: with pipelining a connection may have several. */
  const working = new Map<Socket, number>();

  const forget = (socket: Socket) => {
    strangers.delete(socket);
    idle.delete(socket);
    working.delete(socket);
  };

  return {
    admit(socket) {
      if (strangers.size + idle.size + working.size >= connectionsMax) {
        // A set keeps the order of arrival: its first is the one that has waited longest.
        const [longest = socket] = strangers.size > 0 ? strangers : idle;
        forget(longest);
        longest.destroy();
        if (longest === socket) return;
      }
      strangers.add(socket);
      socket.once('close', () => forget(socket));
    },
    work(socket) {
      if (socket.destroyed) return;
      strangers.delete(socket);
      idle.delete(socket);
      working.set(socket, (working.get(socket) ?? 0) + 1);
    },
    rest(socket) {
      const left = (working.get(socket) ?? 0) - 1;
      if (left > 0) working.set(socket, left);
      else if (working.delete(socket)) idle.add(socket);
    },
    *all() {
      yield* strangers;
      yield* idle;
      yield* working.keys();
    },
  };
}
