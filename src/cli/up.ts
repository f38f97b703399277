import { defaultPool } from '../endpoints/addresses.ts';
import { probeAddress } from '../endpoints/port-probe.ts';
import { defaultSettings } from '../fleet/settings.ts';
import { logLevels } from '../platform/log.ts';
import { CommandFailed, dataOption, heldExitCode, readArguments } from './arguments.ts';
import { limberCommand } from './command-line.ts';
import { alreadyRuns, startDetached } from './detach.ts';
import { askHealth, dataDirectoryOf, describeLimber, findLimber } from './start-record.ts';
import { readUpOptions } from './up-options.ts';

export const usage = `Usage: limber up [--port N] [--data DIR] [--pool CIDR] [--dns ZONE[:PORT]] [--stand-ins]
                 [--detach]

Starts Limber: ElastiCache's API on 127.0.0.1, and the caches that it runs, which go on when it stops.

  --port N       port of the API (default 8379; 0: any free one)            LIMBER_PORT
  --data DIR     where everything is kept (default ~/.limber)               LIMBER_DATA
  --pool CIDR    loopback addresses for caches (default: as at the last     LIMBER_POOL
                 start with this data directory, at first ${defaultPool})
  --dns ZONE[:PORT]
                 show names in this zone instead of addresses, and answer DNS for
                 them on 127.0.0.1 (default port 8353; docs/dns.md). Default: as at the
                 last start with this data directory; at first, and with "off", none
  --stand-ins    run the nearest newer engine where a version is asked for   LIMBER_STAND_INS=1
                 that nobody packages any more (docs/engines.md)
  --detach       go to the background once healthy; the log is DIR/limber.log
  --log-level L  ${logLevels.join(', ')} (default info; on a terminal warn)

LIMBER_SETTINGS changes limits, as JSON: ${JSON.stringify({ hangAfterMs: defaultSettings.hangAfterMs })}
Ends cleanly on Ctrl-C and SIGTERM. Exit code 1: it could not start, 2: wrong use,
4: another Limber uses the data directory.`;

export async function run(argv: string[]): Promise<number> {
  const { values } = readArguments(argv, {
    ...dataOption,
    port: { type: 'string' },
    pool: { type: 'string' },
    dns: { type: 'string' },
    'stand-ins': { type: 'boolean' },
    detach: { type: 'boolean', short: 'd' },
    'log-level': { type: 'string' },
  });
  const { detach = false } = values;
  const options = await readUpOptions(values, { isDetached: detach });
  const { dataDirectory } = options;
  const presence = await findLimber(dataDirectory);
  if (presence.kind !== 'stopped') {
    const { pid, port } = presence.record;
    const runs = alreadyRuns(dataDirectory, pid, port);
    const exitCode = heldExitCode;
    if (presence.kind === 'silent') throw new CommandFailed(`${runs}, but does not answer`, { exitCode });
    if (!detach) {
      const stop = limberCommand(dataDirectory, 'down');
      throw new CommandFailed(`${runs}. To stop it: ${stop}`, { exitCode });
    }
    console.log(`${runs}.`);
    return 0;
  }
  await refuseTakenPort(options.port);
  if (detach) return await startDetached(options);
  // Loaded only here: the server is most of our code, and who waits for a detached one has no use for it.
  const { serve } = await import('./serve.ts');
  return await serve(options);
}

/** Before anything of the data directory is touched. The port may still be lost between here and there. */
async function refuseTakenPort(port: number): Promise<void> {
  if (port === 0) return;
  const probe = await probeAddress('127.0.0.1', port);
  if (probe === 'free') return;
  if ('unusable' in probe) throw new CommandFailed(`${probe.unusable}. Choose another port: --port N`);
  const other = await askHealth(port, 500);
  if (other !== null) {
    const directory = dataDirectoryOf(other);
    const stop = directory === null ? 'Stop that' : `Stop that (${limberCommand(directory, 'down')})`;
    throw new CommandFailed(
      `127.0.0.1:${port} is held by ${describeLimber(other)}. ${stop}, or choose another port: --port N`,
    );
  }
  throw new CommandFailed(`${probe.inUse}. Stop that, or choose another port: --port N`);
}
