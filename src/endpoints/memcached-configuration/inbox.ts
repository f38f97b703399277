/** What came on a socket and is not worked on yet. The socket is read again only when it has been. */
import type { Socket } from 'node:net';

export interface Inbox {
  readonly isEmpty: boolean;
  /** At most so many bytes of it. */
  take(bytesMax: number): Buffer;
  /** Nothing is wanted any more: what comes is read and dropped, so that the other side's end is noticed. */
  drop(): void;
}

export function openInbox(socket: Socket, onFilled: () => void): Inbox {
  let held: Buffer = Buffer.alloc(0);
  let isPaused = false;
  let isDropping = false;
  socket.on('data', (chunk: Buffer) => {
    if (isDropping) return;
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    isPaused = false;
    onFilled();
    if (held.length === 0) return;
    isPaused = true;
    socket.pause();
  });
  return {
    get isEmpty() {
      return held.length === 0;
    },
    take(bytesMax) {
      const taken = held.subarray(0, bytesMax);
      held = held.subarray(taken.length);
      if (held.length === 0 && isPaused) socket.resume();
      return taken;
    },
    drop() {
      isDropping = true;
      held = Buffer.alloc(0);
      socket.resume();
    },
  };
}
