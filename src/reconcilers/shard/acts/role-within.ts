/** Waits until an engine says that it has a role. */
import type { EngineConnection } from '../../../engines/valkey/client.ts';

/** Clients wait for this, so that the engine is asked without a pause for the first moments. */
export async function hasRoleWithin(
  connection: EngineConnection,
  role: 'master' | 'slave',
  deadlineMs: number,
): Promise<boolean> {
  const { clock } = connection;
  const start = clock.monotonic();
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 1.3, 20)) {
    const [now] = (await connection.call('ROLE')) as [string];
    if (now === role) return true;
    const elapsedMs = clock.monotonic() - start;
    if (elapsedMs >= deadlineMs) return false;
    if (elapsedMs > 30) await clock.delay(pauseMs);
  }
}
