import type { InstallProgress } from '../engine-store/contract.ts';

/** What an engine's progress is written to: stderr, as a rule. */
interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/**
 * Shows the fetching of several engines at once: on a terminal one line each, rewritten as it goes; elsewhere (logs,
 * CI) a line when the fetch of an engine begins and one when it is ready.
 */
export function installReporter(screen: Screen): (progress: InstallProgress) => void {
  const startedAtMs = performance.now();
  const lines = new Map<string, string>();

  return ({ engine, version, phase, text }) => {
    const name = `${engine} ${version}`;
    const elapsed = `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`;
    const line = phase === 'done' ? `  ${name}: ${text} after ${elapsed}` : `  ${name}: ${text}`;
    const shown = lines.size;
    const isFirst = !lines.has(name);
    lines.set(name, line);
    if (!screen.isTTY) {
      if (isFirst || phase === 'done') screen.write(`${line}\n`);
      return;
    }
    const up = shown > 0 ? `\u001b[${shown}A` : ''; // back to the first of our lines, then each cleared and written
    screen.write(`${up}${[...lines.values()].map((one) => `\u001b[2K${one}\n`).join('')}`);
  };
}
