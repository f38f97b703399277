/**
 * Log lines, one JSON object each. error = a person must act; warn = healed by itself; info = a transition;
 * debug = each observation. Secrets never come here.
 */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;
export type Log = Readonly<Record<LogLevel, (message: string, fields?: LogFields) => void>>;

/** An error as text, with its causes, and with its stack only where a person has to look into the code. */
function plain(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const cause = value.cause === undefined ? '' : ` (cause: ${String(plain(value.cause))})`;
  return `${value.stack ?? value.message}${cause}`;
}

/** A log that writes lines of the level `minimum` and above. Default sink: standard error. */
export function createLog(
  minimum: LogLevel,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const line =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (logLevels.indexOf(level) < logLevels.indexOf(minimum)) return;
      const shown = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value)]));
      write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...shown })}\n`);
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

export const silentLog: Log = createLog('error', () => {});
