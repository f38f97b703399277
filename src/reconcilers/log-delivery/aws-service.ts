/** What the services of AWS that take logs have in common. Their clients are loaded with the first delivery: 100 ms and 27 MB. */
import { awsItself } from '../../model/log-delivery.ts';
import type { LogStream } from './destination.ts';

/** A stalled service keeps a log waiting no longer than this; the SDK tries three times, with growing pauses. */
const limits = { connectionTimeout: 3_000, requestTimeout: 10_000 } as const;

interface ClientOptions {
  readonly region: string;
  readonly endpoint?: string;
  readonly maxAttempts: number;
  readonly requestHandler: typeof limits;
}

/** A client for each region, made when it is first needed. Credentials are those of Limber's own environment, as the SDK finds them. */
export function clientsByRegion<Client>(endpoint: string, make: (options: ClientOptions) => Promise<Client>) {
  const clients = new Map<string, Promise<Client>>();
  return ({ region }: LogStream): Promise<Client> => {
    const known = clients.get(region);
    if (known) return known;
    const client = make({
      region,
      maxAttempts: 3,
      requestHandler: limits,
      ...(endpoint === awsItself ? {} : { endpoint }),
    });
    clients.set(region, client);
    return client;
  };
}

/** True for this answer of the service. */
export const isAnswer = (error: unknown, name: string): boolean =>
  error instanceof Error && error.name === name;

/** For the owner of a cache: what could not be done, and why. */
export function serviceError(what: string, cause: unknown): Error {
  const { name, message, code } = cause as NodeJS.ErrnoException;
  return new Error(`${what}: ${message ? `${name}: ${message}` : (code ?? name)}`, { cause });
}
