/** Everything that operations and reconcilers act with. Made once, in `server.ts`. */
import type { AddressPool } from '../endpoints/addresses.ts';
import type { ProbeAddress } from '../endpoints/port-probe.ts';
import type { EngineStore, InstalledEngine } from '../engine-store/contract.ts';
import type { EngineFingerprint } from '../engines/valkey/fingerprint.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Turns } from '../platform/turns.ts';
import type { NodeRuntime } from '../runtime/contract.ts';
import type { Certificates } from '../security/certificates/certificates.ts';
import type { Store } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { Settings } from './settings.ts';

export interface Fleet {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly runtime: NodeRuntime;
  readonly engineStore: EngineStore;
  readonly connections: Connections;
  readonly certificates: Certificates;
  /** Name of this machine in node rows. */
  readonly host: string;
  readonly pool: AddressPool;
  readonly probeAddress: ProbeAddress;
  /** Allocations take turns: two at once would choose the same addresses, and one would have to plan anew. */
  readonly placing: Turns;
  readonly dataDirectory: string;
  readonly dnsZone: string | null;
  readonly settings: Settings;
  /** What commands an engine has; asked once per installed version and kept. */
  readonly fingerprintOf: (engine: InstalledEngine) => Promise<EngineFingerprint>;
}
