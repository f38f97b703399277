import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What each command in `src/cli/` exports: runs it with its own arguments, and answers with the exit code. */
interface Command {
  run(argv: string[]): Promise<number>;
}

/** Commands and what the usage says of them, in its order. Each lives in the file of its name. */
const commands = {
  up: 'start Limber (--port 8379, --data ~/.limber, --pool CIDR, --detach)',
  down: 'stop Limber; caches go on (--caches: stop them too)',
  env: 'print what the AWS CLI and SDKs need, for eval (--format sh|json|profile)',
  status: 'show whether Limber runs, and its caches',
  connect: "open the engine's own cli on a cache: limber connect NAME",
  engines: 'list engines, or fetch one: limber engines install valkey@8.1',
  doctor: 'check this machine for what Limber needs',
  fault: 'make a node or a zone fail on purpose: limber fault kill|hang|isolate NAME',
} as const;

process.exitCode = await main(process.argv.slice(2));

async function main([name = 'help', ...rest]: string[]): Promise<number> {
  if (name === 'help' || name === '--help' || name === '-h') {
    console.log(usage());
    return 0;
  }
  if (name === 'version' || name === '--version' || name === '-v') {
    const {
      default: { version },
    } = await import('../../package.json', { with: { type: 'json' } });
    console.log(`limber ${version}`);
    return 0;
  }
  if (!Object.hasOwn(commands, name)) {
    console.error(`limber: there is no command ${JSON.stringify(name)}\n\n${usage()}`);
    return 2;
  }
  const file = join(fileURLToPath(import.meta.url), `../${name}.ts`);
  if (!existsSync(file)) {
    console.error(`limber: ${name} is not built yet`);
    return 2;
  }
  // Compiled once, then read back: a start with a hundred files takes 0.1 s instead of 0.3 s. In our own folder,
  // because anybody may write to the default one under /tmp; where it cannot be written nothing is kept.
  enableCompileCache(join(fileURLToPath(import.meta.url), '../../../node_modules/.cache/limber'));
  const command: Command = await import(file);
  return await command.run(rest);
}

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries({ ...commands, version: 'print the version' }).map(
    ([name, text]) => `  ${name.padEnd(width)}  ${text}`,
  );
  return `Usage: limber COMMAND [ARGUMENTS]

A managed cache service behind Amazon ElastiCache's own API.

${lines.join('\n')}`;
}
