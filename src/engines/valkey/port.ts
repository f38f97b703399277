/** What can be learned from a port without logging in: plain TCP. */
import { connect, type Socket } from 'node:net';

/** Resolves when something accepts TCP connections there, which the engine does a moment before it answers. Rejects with the signal's reason. */
export async function waitForPort(address: string, port: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    let isAccepted = false;
    await visit(address, port, signal, (socket) => {
      socket.once('connect', () => {
        isAccepted = true;
        socket.destroy();
      });
    });
    if (isAccepted) return;
    // 2 ms: an engine starts within 10 ms, and a refused attempt on loopback costs 0.1 ms.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/**
 * The first line that an engine says unasked, or null when it says nothing in time. A full engine says why it hangs up,
 * but only who has not written anything yet can read that: a reset drops what was received.
 */
export async function readGreeting(address: string, port: number, waitMs: number): Promise<string | null> {
  let text = '';
  await visit(address, port, AbortSignal.timeout(waitMs), (socket) => {
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (text.includes('\n') || text.length > 1_000) socket.destroy();
    });
  });
  return text === '' ? null : text.split(/\r?\n/)[0]!;
}

/** Resolves when the connection has ended, one way or another. */
function visit(
  address: string,
  port: number,
  signal: AbortSignal,
  use: (socket: Socket) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const abort = () => socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    use(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
