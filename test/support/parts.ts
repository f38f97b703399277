/**
 * The parts that `server.ts` makes, over a directory of the test's own: a fleet without nodes, and shards without workers.
 * What a test replaces in them has the type of what it stands for.
 */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { defaultPool, parsePool } from '../../src/endpoints/addresses.ts';
import { probeAddress } from '../../src/endpoints/port-probe.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { createConfigurationServer } from '../../src/fleet/configuration-server.ts';
import { createConnections } from '../../src/fleet/connections.ts';
import { createFingerprints } from '../../src/fleet/fingerprints.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { defaultSettings } from '../../src/fleet/settings.ts';
import type { Tools } from '../../src/operations/tools.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createTurns } from '../../src/platform/turns.ts';
import { createHealthMonitor } from '../../src/reconcilers/health/monitor.ts';
import { createPing } from '../../src/reconcilers/health/ping.ts';
import { createShards } from '../../src/reconcilers/shards.ts';
import { createProcessRuntime } from '../../src/runtime/process/process-runtime.ts';
import { createCertificates } from '../../src/security/certificates/certificates.ts';
import { openStore, temporaryDirectory } from '../store/stores.ts';

/** Everything ends with the test. */
export async function openTools(t: TestContext): Promise<Tools> {
  const dataDirectory = temporaryDirectory(t);
  const [clock, log] = [systemClock, silentLog];
  const store = await openStore(t, dataDirectory, { clock });
  const runtime = createProcessRuntime({ dataDirectory, clock, log });
  const certificates = createCertificates({ dataDirectory, clock, ids: systemIds });
  const connections = createConnections(store, certificates, runtime);
  const fleet: Fleet = {
    ...{ store, clock, log, runtime, connections, certificates, dataDirectory, probeAddress },
    ids: systemIds,
    engineStore: createEngineStore(),
    host: 'here',
    pool: parsePool(defaultPool),
    placing: createTurns(),
    dnsZone: null,
    settings: defaultSettings,
    fingerprintOf: createFingerprints(join(dataDirectory, 'fingerprints')),
  };
  const { ping, close } = createPing(fleet);
  const monitor = createHealthMonitor({ runtime, clock, log, limits: defaultSettings, ping });
  const shards = createShards(fleet, monitor, () => {});
  t.after(async () => {
    await shards.stop();
    monitor.close();
    close();
    connections.close();
  });
  const configurationServer = createConfigurationServer({ dataDirectory, dnsZone: null, log });
  return { fleet, shards, configurationServer };
}
