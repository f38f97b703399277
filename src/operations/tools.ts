/** The parts that operations work with. Made once, in `server.ts`. */
import type { ConfigurationServer } from '../fleet/configuration-server.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Shards } from '../reconcilers/shards.ts';

export interface Tools {
  readonly fleet: Fleet;
  readonly shards: Shards;
  /** Of Memcached's configuration endpoints. */
  readonly configurationServer: ConfigurationServer;
}
