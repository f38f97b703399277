import { styleText } from 'node:util';
import { dataOption, readArguments, readDataDirectory, readPort } from './arguments.ts';
import type { Examined, Finding } from './doctor/finding.ts';
import { findInstallation } from './doctor/installation.ts';
import { findLimits } from './doctor/limits.ts';
import { findNewerPackages } from './doctor/newer-packages.ts';
import { findPorts } from './doctor/ports.ts';
import { findSurvivors } from './doctor/survivors.ts';
import { findLimber } from './start-record.ts';
import { readUpOptions } from './up-options.ts';

export const usage = `Usage: limber doctor [--json] [--packages] [--data DIR] [--port N]

Checks this machine for what Limber needs, and says what to do. Exit code 1: something must be mended.

  --packages     ask the package sources, too, for newer patches of the engines that were fetched from
                 them, security fixes among them (some seconds, 10 MB for each Debian suite)`;

export async function run(argv: string[]): Promise<number> {
  const { values } = readArguments(argv, {
    ...dataOption,
    port: { type: 'string' },
    json: { type: 'boolean' },
    packages: { type: 'boolean' },
  });
  const dataDirectory = readDataDirectory(values.data);
  const presence = await findLimber(dataDirectory);
  const { port, pool } = await readUpOptions({ data: dataDirectory }, { isDetached: true });
  const examined: Examined = {
    dataDirectory,
    presence,
    port: values.port === undefined ? port : readPort(values.port, '--port'),
    pool: presence.kind === 'stopped' ? pool : presence.record.pool,
  };
  const findings: Finding[] = [];
  const finders: ((examined: Examined) => Promise<Finding[]>)[] = [
    findInstallation,
    findPorts,
    findLimits,
    findSurvivors,
    ...(values.packages ? [findNewerPackages] : []),
  ];
  for (const find of finders) {
    const found = await find(examined);
    findings.push(...found);
    if (!values.json) for (const finding of found) console.log(lineOf(finding));
  }
  const failures = findings.filter(({ state }) => state === 'fail').length;
  const warnings = findings.filter(({ state }) => state === 'warn').length;
  if (values.json) console.log(JSON.stringify(findings, null, 2));
  else console.log(`\n${summaryOf(failures, warnings)}`);
  return failures === 0 ? 0 : 1;
}

const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

function lineOf({ state, subject, text, advice }: Finding): string {
  const mark = styleText(colours[state], state.padEnd(5), { stream: process.stdout });
  const line = `${mark} ${subject.padEnd(14)} ${text}`;
  return advice === undefined ? line : `${line}\n${' '.repeat(21)}${advice}`;
}

function summaryOf(failures: number, warnings: number): string {
  const count = (number: number, one: string) => `${number} ${one}${number === 1 ? '' : 's'}`;
  if (failures > 0) return `${count(failures, 'failure')}, ${count(warnings, 'warning')}: see above.`;
  return warnings > 0 ? `${count(warnings, 'warning')}: Limber works, see above.` : 'All is well.';
}
