import type { Suite } from '../lib/suite.ts';
import { createSuite } from './create.ts';
import { endpointSuite } from './endpoint.ts';
import { failoverSuite } from './failover.ts';
import { failoverWithDataSuite } from './failover-with-data.ts';
import { serviceSuite } from './service.ts';

/** In the order of the page. */
export const suites: readonly Suite[] = [
  endpointSuite,
  failoverSuite,
  failoverWithDataSuite,
  createSuite,
  serviceSuite,
];
