/** A configuration server of its own for a test, in its own process, and connections to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  configurationServerCommand,
  type EndpointConfiguration,
  type EndpointStatus,
  makeStateDirectory,
  probeConfigurationServer,
  removeConfiguration,
  writeConfiguration,
} from '../../src/endpoints/memcached-configuration/control.ts';
import { eventually, testAddress } from '../engines/memcached-node.ts';

export interface TestServer {
  readonly directory: string;
  readonly process: ChildProcess;
  /** Exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  /** What it has written to its standard error so far: nothing, unless something is wrong. */
  complaints(): string;
  /** Tells the server, and waits until it is so. */
  serve(name: string, configuration: EndpointConfiguration): Promise<void>;
  remove(name: string): void;
  status(name: string): Promise<EndpointStatus | undefined>;
  stop(): Promise<void>;
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'limber-memcached-'));
}

export async function startConfigurationServer(
  directory = temporaryDirectory(),
  { openFilesMax }: { readonly openFilesMax?: number } = {},
): Promise<TestServer> {
  makeStateDirectory(directory);
  const { command, args, env } = configurationServerCommand(directory, {
    compileCacheDirectory: join(tmpdir(), 'limber-test-compile-cache'),
  });
  const [program, programArgs] =
    openFilesMax === undefined
      ? [command, args]
      : ['sh', ['-c', `ulimit -n ${openFilesMax}; exec "$0" "$@"`, command, ...args]];
  const child = spawn(program, programArgs, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += String(chunk);
    process.stderr.write(chunk);
  });
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  await eventually(
    async () => child.exitCode !== null || (await probeConfigurationServer(directory))?.pid === child.pid,
  );
  const status = async (name: string) =>
    (await probeConfigurationServer(directory))?.endpoints.find((endpoint) => endpoint.name === name);
  return {
    directory,
    process: child,
    exited,
    complaints: () => complaints,
    status,
    async serve(name, configuration) {
      writeConfiguration(directory, name, configuration);
      let last: EndpointStatus | undefined;
      await eventually(
        async () => {
          last = await status(name);
          return (
            last?.isListening &&
            last.version === configuration.version &&
            last.nodes.every((node) => node.isKept)
          );
        },
        { seen: () => JSON.stringify(last) },
      );
    },
    remove: (name) => removeConfiguration(directory, name),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function configurationOf(
  nodes: readonly { readonly address: string; readonly port: number }[],
  rest: Partial<EndpointConfiguration> = {},
): EndpointConfiguration {
  return {
    address: testAddress(),
    port: 11211,
    version: 1,
    nodes: nodes.map(({ address, port }) => ({ host: address, ip: address, port })),
    form: 'config',
    keyRefreshMs: 200,
    ...rest,
  };
}

/** What `config get cluster` must answer. */
export function expectedList({ version, nodes }: EndpointConfiguration): string {
  const list = nodes.map((node) => `${node.host}|${node.ip}|${node.port}`).sort();
  const data = `${version}\n${list.join(' ')}\n`;
  return `CONFIG cluster 0 ${data.length}\r\n${data}\r\nEND\r\n`;
}

export interface TestConnection {
  readonly socket: Socket;
  send(data: string | Buffer): void;
  /** All that came so far, as latin1; waits until `isEnough` of it. */
  read(isEnough: (text: string) => boolean): Promise<string>;
  /** What comes for this request, read until it ends with `end`; earlier bytes are forgotten. */
  ask(request: string | Buffer, end?: string): Promise<string>;
  /** All that came until the other side closed. */
  readToEnd(): Promise<string>;
  close(): void;
}

export async function openConnection(target: {
  readonly address: string;
  readonly port: number;
}): Promise<TestConnection> {
  const socket = connect({ host: target.address, port: target.port, allowHalfOpen: true, noDelay: true });
  let chunks: Buffer[] = [];
  let isOver = false;
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.on('end', () => {
    isOver = true;
  });
  socket.on('close', () => {
    isOver = true;
  });
  await once(socket, 'connect');
  const text = () => {
    if (chunks.length > 1) chunks = [Buffer.concat(chunks)];
    return chunks[0]?.toString('latin1') ?? '';
  };
  const read = async (isEnough: (text: string) => boolean) => {
    await eventually(() => isEnough(text()), { seen: () => JSON.stringify(text().slice(-200)) });
    return text();
  };
  return {
    socket,
    send: (data) => void socket.write(data),
    read,
    async ask(request, end = '\r\n') {
      chunks = [];
      socket.write(request);
      return read((seen) => seen.endsWith(end));
    },
    async readToEnd() {
      await eventually(() => isOver, { deadlineMs: 15_000, seen: () => JSON.stringify(text().slice(-200)) });
      return text();
    },
    close: () => socket.destroy(),
  };
}
