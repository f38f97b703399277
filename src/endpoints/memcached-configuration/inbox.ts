/** The bytes that a socket has received and nobody has worked on yet. The socket is read again once all of them are taken. */
import type { Socket } from 'node:net';

export interface Inbox {
  readonly isEmpty: boolean;
  /** Takes the first bytes out, at most so many. */
  take(bytesMax: number): Buffer;
  /** From now on all bytes are read and dropped. They are read so that the end of the other side is noticed. */
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
