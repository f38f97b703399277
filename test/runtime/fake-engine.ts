/**
 * A program that behaves like an engine in one respect: `listen` answers PONG at an address, `never` lives without
 * listening, `deaf` listens and ignores SIGTERM, `complain` says why it ends, `fork` listens and leaves a child
 * in its session, as an engine does for a background save.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

const [mode, address = '', port = '0'] = process.argv.slice(2);

if (mode === 'complain') {
  console.error(
    `\x1b[31m*** FATAL CONFIG FILE ERROR ***\x1b[0m\n>>> 'requirepass hunter2-very-secret'\nBad directive`,
  );
  process.exit(3);
}
if (mode === 'deaf') process.on('SIGTERM', () => {});
if (mode === 'fork') spawn('/bin/sleep', ['600'], { stdio: 'inherit' });
if (mode === 'never') setInterval(() => {}, 60_000);
else createServer((socket) => socket.on('error', () => {}).end('PONG')).listen(Number(port), address);
