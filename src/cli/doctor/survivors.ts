/** Processes and directories of caches: who knows them? */
import { systemClock } from '../../platform/clock.ts';
import { silentLog } from '../../platform/log.ts';
import { createProcessRuntime } from '../../runtime/process/process-runtime.ts';
import { connectAdmin } from '../admin-client.ts';
import { limberCommand } from '../command-line.ts';
import { concernOf } from '../operation-lines.ts';
import { type Examined, type Finding, fail, ok, warn } from './finding.ts';

export async function findSurvivors({ dataDirectory, presence }: Examined): Promise<Finding[]> {
  if (presence.kind === 'stopped' && presence.record === null) return [];
  if (presence.kind !== 'serving') {
    const runtime = createProcessRuntime({ dataDirectory, clock: systemClock, log: silentLog });
    const running = (await runtime.findProcesses()).size;
    if (running === 0) return [ok('caches', 'Limber is stopped, and no cache node runs')];
    const text = `${running === 1 ? '1 cache node runs' : `${running} cache nodes run`} while Limber is stopped`;
    return [
      warn('caches', text, `They serve, but nobody repairs them: ${limberCommand(dataDirectory, 'up')}`),
    ];
  }
  try {
    const status = await (await connectAdmin(dataDirectory))?.call('status', {});
    if (!status) return [];
    const count = status.caches.length;
    return [
      ok('caches', count === 1 ? '1 cache' : `${count} caches`),
      ...[
        ...status.operations.flatMap(concernOf),
        ...status.shards.flatMap(({ concern }) => concern ?? []),
      ].map((text) => warn('caches', text, `See \`${limberCommand(dataDirectory, 'status')}\`.`)),
      ...status.caches.flatMap(({ id, engine, version, standsInFor }) =>
        standsInFor === null
          ? []
          : [ok('engines', `${id}: ${engine} ${version} stands in for ${standsInFor}, as was allowed`)],
      ),
      ...status.passwordless.map((id) =>
        warn(
          'access',
          `${id} has an AUTH token, and lets clients in without it`,
          'ModifyReplicationGroup with the same AuthToken and AuthTokenUpdateStrategy SET ends that.',
        ),
      ),
      ...status.undelivered.map((text) =>
        warn('logs', text, 'It is tried again until the destination takes it, or another one is asked for.'),
      ),
      ...status.findings.map((text) => warn('unknown', text, 'Limber leaves it alone: look, then decide.')),
    ];
  } catch (error) {
    return [fail('caches', (error as Error).message, 'Look at the log of Limber.')];
  }
}
