/** A line-mode client for Memcached's text protocol, which has no cli of its own: what telnet or nc would do. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { CommandFailed } from './arguments.ts';

const connectDeadlineMs = 5_000;

/**
 * With a command: sends it and prints the answer. Else lines of standard input, each ended with CRLF as the
 * protocol wants, until the input or the connection ends. Exit code 1 when Memcached answered an error to a command.
 */
export async function talkToMemcached(
  address: string,
  port: number,
  command: readonly string[],
): Promise<number> {
  const socket = connect({ host: address, port, noDelay: true });
  socket.setTimeout(connectDeadlineMs, () => socket.destroy(new Error('it does not answer')));
  await once(socket, 'connect').catch((cause: Error) => {
    throw new CommandFailed(`cannot connect to memcached at ${address}:${port}: ${cause.message}`, { cause });
  });
  socket.setTimeout(0);
  let start = '';
  socket.on('data', (chunk: Buffer) => {
    if (start.length < 16) start += chunk.toString('latin1', 0, 16);
    process.stdout.write(chunk);
  });
  socket.on('error', (error) => console.error(`limber: the connection broke: ${error.message}`));
  const closed = once(socket, 'close');
  if (command.length > 0) socket.write(`${command.join(' ')}\r\nquit\r\n`);
  else sendLines(socket, address, port);
  await closed;
  // Node does not end while a terminal is being read.
  process.stdin.destroy();
  return command.length > 0 && /^(ERROR|CLIENT_ERROR|SERVER_ERROR)/.test(start) ? 1 : 0;
}

/** Answers come in the order of the commands, so a `quit` after the last one ends the connection after all answers. */
function sendLines(socket: ReturnType<typeof connect>, address: string, port: number): void {
  if (process.stdin.isTTY) {
    console.error(`Connected to memcached at ${address}:${port}. Try: stats, version; quit or Ctrl-D ends.`);
  }
  let lastByte = 0x0a;
  process.stdin.on('data', (chunk: Buffer) => {
    // As bytes: values need not be text. A line that ends with CRLF already stays as it is.
    const isSplit = lastByte === 0x0d && chunk[0] === 0x0a;
    const text = chunk.toString('latin1', isSplit ? 1 : 0).replace(/(?<!\r)\n/g, '\r\n');
    const lines = isSplit ? `\n${text}` : text;
    lastByte = chunk.at(-1) ?? lastByte;
    if (!socket.write(lines, 'latin1')) {
      process.stdin.pause();
      socket.once('drain', () => process.stdin.resume());
    }
  });
  process.stdin.on('end', () => {
    if (!socket.destroyed) socket.write(lastByte === 0x0a ? 'quit\r\n' : '\r\nquit\r\n');
  });
}
