/** What operations work with. Made once, in `server.ts`. */

import type { CacheReference } from '../fleet/cache-view.ts';
import type { ConfigurationServer } from '../fleet/configuration-server.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Shards } from '../reconcilers/shards.ts';

export interface Tools {
  readonly fleet: Fleet;
  readonly shards: Shards;
  /** Of Memcached's configuration endpoints. */
  readonly configurationServer: ConfigurationServer;
}

/** First part of the input of every operation on a cache, as `actions/shared/enqueue.ts` writes it. */
export interface CacheInput extends CacheReference {
  readonly cacheId: string;
}
