/**
 * The program: `node main.ts <state directory>`. Started by Limber through `configurationServerCommand`.
 * Ends with 0 on SIGTERM and when the state directory is gone, with 3 when another server holds the directory.
 */
import { flushCompileCache } from 'node:module';
import { StateDirectoryTaken, startServer } from './server.ts';

const takenExitCode = 3;
/** One process serves all caches: a defect met by one connection must not take the others down, but be seen. */
process.on('uncaughtException', (error) =>
  process.stderr.write(`${new Date().toISOString()} ${error.stack}\n`),
);

const directory = process.argv[2];
if (directory === undefined) {
  process.stderr.write('usage: main.ts <state directory>\n');
  process.exit(2);
}
try {
  const server = startServer(directory, () => process.exit(0));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      server.stop();
      process.exit(0);
    });
  }
  // Written now rather than at the exit, which may be a SIGKILL: the next start then needs no type stripping,
  // which is half the start and 20 MB of memory.
  flushCompileCache();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof StateDirectoryTaken ? takenExitCode : 1);
}
