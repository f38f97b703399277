/**
 * Commands for an engine that is busy with clients' scripts, one after the other: it does nothing between two of them but
 * read what has come already. So the same commands are sent in a stream that is longer than what it reads, and refuses, while
 * a script runs. The engine does those that it reads together without a pause.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Command, ConnectOptions } from './client.ts';
import { tlsOptions, whyDistrust } from './verify.ts';

/**
 * While a script runs an engine reads up to 64 KiB of a connection before it looks whether the script is to end (measured:
 * 75 KB were not enough, and 200 KB always, on every engine).
 */
const streamBytes = 200 * 1024;

/**
 * True when the last of the commands was done; false when the signal came before, or the connection ended. Each command has
 * to be one that is answered in a line, and may be done many times.
 */
export function insist(
  options: ConnectOptions,
  commands: readonly Command[],
  signal: AbortSignal,
): Promise<boolean> {
  const { address: host, port, username = 'default', password = '', trusted } = options;
  const round = commands.map(encode).join('');
  const rounds = Math.ceil(streamBytes / round.length);
  const stream = Buffer.from(round.repeat(rounds));
  const socket: Socket =
    trusted === undefined ? connectPlain({ host, port }) : connectTls({ host, port, ...tlsOptions(trusted) });
  return new Promise((resolve) => {
    const end = (isDone: boolean) => {
      socket.destroy();
      resolve(isDone);
    };
    signal.addEventListener('abort', () => end(false), { once: true });
    socket.on('error', () => {});
    socket.once('close', () => end(false));
    socket.once(trusted === undefined ? 'connect' : 'secureConnect', () => {
      if (trusted !== undefined && whyDistrust(socket, options) !== null) return end(false);
      socket.write(Buffer.concat([Buffer.from(encode(['AUTH', username, password])), stream]));
    });
    let [rest, lines, sent] = ['', 0, rounds];
    socket.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString('latin1')).split('\r\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        // The first line answers the log-in.
        if (lines > 0 && lines % commands.length === 0 && line.startsWith('+')) return end(true);
        lines += 1;
      }
      // So that the engine always finds something to read.
      if (lines > (sent - rounds / 2) * commands.length) {
        socket.write(stream);
        sent += rounds;
      }
    });
    if (signal.aborted) end(false);
  });
}

function encode(command: readonly (string | number)[]): string {
  const words = command.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
  return `*${command.length}\r\n${words.join('')}`;
}
