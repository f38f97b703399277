import type { Suite } from '../lib/suite.ts';
import { failoverSuite } from './failover.ts';
import { failoverWithDataSuite } from './failover-with-data.ts';

/** In the order of the page. */
export const suites: readonly Suite[] = [failoverSuite, failoverWithDataSuite];
