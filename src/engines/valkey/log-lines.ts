/** The engine's own log, as it writes it (`log-format legacy`): `PID:ROLE 28 Nov 2026 05:07:27.791 * message`, in local time. */
import { type EngineLogEntry, type EngineLogLevel, engineLogLevels } from '../../model/log-delivery.ts';

const head = /^\d+:([A-Z]) (\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3}) (\S) (.*)$/;

/** Characters: what services take in one event, whatever the form. Engines themselves write 1,024. */
const messageMax = 32_768;

/**
 * Entries for these lines. One without a head (a crash report, a script's line break) has that of the line before; the first one has
 * what is given.
 */
export function parseLogLines(
  lines: readonly string[],
  before: Omit<EngineLogEntry, 'message'>,
): readonly EngineLogEntry[] {
  let last = before;
  return lines.map((line) => {
    const [, role = '', time = '', mark = '', message = ''] = head.exec(line) ?? [];
    // Limber and its nodes have one clock and one time zone.
    const at = Date.parse(time);
    if (!Object.hasOwn(engineLogLevels, mark) || Number.isNaN(at))
      return { ...last, message: line.slice(0, messageMax) };
    last = { role, level: mark as EngineLogLevel, at };
    return { ...last, message: message.slice(0, messageMax) };
  });
}
