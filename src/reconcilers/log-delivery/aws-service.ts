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

/** Work with the client of a stream's region. What fails is an error for the owner of a cache, with the name of the destination. */
type WithClient<Client> = (stream: LogStream, work: (client: Client) => Promise<void>) => Promise<void>;

/**
 * A client for each region, made when it is first needed. Credentials are those of Limber's own environment, as the SDK finds
 * them. `kind`: of destination, for people: `the log group`.
 */
export function clientsByRegion<Client>(
  endpoint: string,
  kind: string,
  make: (options: ClientOptions) => Promise<Client>,
): WithClient<Client> {
  const clients = new Map<string, Promise<Client>>();
  const clientFor = (region: string): Promise<Client> => {
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
  return async ({ region, destination }, work) => {
    try {
      await work(await clientFor(region));
    } catch (error) {
      throw serviceError(`${kind} ${destination}`, error);
    }
  };
}

/** True for this answer of the service. */
export const isAnswer = (error: unknown, name: string): boolean =>
  error instanceof Error && error.name === name;

function serviceError(what: string, cause: unknown): Error {
  const { name, message, code } = cause as NodeJS.ErrnoException;
  return new Error(`${what}: ${message ? `${name}: ${message}` : (code ?? name)}`, { cause });
}
