/** A front door on an address of its own, with credentials and a log that tests can read. */
import { randomInt, randomUUID } from 'node:crypto';
import { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import type { FrontDoor, FrontDoorOptions } from '../../src/http/contract.ts';
import { createFrontDoor } from '../../src/http/front-door.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Log } from '../../src/platform/log.ts';

export const key = {
  accessKeyId: 'LIMBERTEST0000000001',
  secretAccessKey: 'a+secret/key=of40characters0000000000000',
};
export const account = '000000000001';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface OpenFrontDoor {
  readonly door: FrontDoor;
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly lines: readonly LogLine[];
  /** The real SDK, with one attempt and no proxy of its own ideas. */
  client(overrides?: object): ElastiCacheClient;
  close(): Promise<void>;
}

export async function openFrontDoor(options: Partial<FrontDoorOptions> = {}): Promise<OpenFrontDoor> {
  const lines: LogLine[] = [];
  const door = createFrontDoor({
    actions: {},
    lookUpCredential: async (id) =>
      id === key.accessKeyId ? { secretAccessKey: key.secretAccessKey, account } : null,
    clock: systemClock,
    newRequestId: randomUUID,
    log: recordingLog(lines),
    health: () => ({ version: 'test' }),
    ...options,
  });
  const address = await door.listen(`127.47.${randomInt(1, 255)}.${randomInt(1, 255)}`, 0);
  const url = `http://${address.host}:${address.port}`;
  const clients: ElastiCacheClient[] = [];
  const client = (overrides: object = {}) => {
    const made = new ElastiCacheClient({
      endpoint: url,
      region: 'us-east-1',
      credentials: key,
      maxAttempts: 1,
      ...overrides,
    });
    clients.push(made);
    return made;
  };
  const close = async () => {
    for (const made of clients) made.destroy();
    await door.close();
  };
  return { door, ...address, url, lines, client, close };
}

function recordingLog(lines: LogLine[]): Log {
  const at =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, message, fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
