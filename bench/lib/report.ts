/** Results as files: `results/<suite>.json` with every value, `results/<suite>.md` with the tables, and the page of all. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import type { Ratio, Summary } from './statistics.ts';
import type { Suite, SuiteResult, Table } from './suite.ts';

export interface Report {
  readonly suite: string;
  readonly title: string;
  /** ISO 8601. */
  readonly measuredAt: string;
  readonly isQuick: boolean;
  readonly engine: string;
  readonly machine: Machine;
  readonly result: SuiteResult;
}

export async function writeReport(directory: string, report: Report): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, `${report.suite}.json`), `${JSON.stringify(report, null, 1)}\n`);
  await writeFile(join(directory, `${report.suite}.md`), renderReport(report));
}

const generatedFrom = '<!-- generated: everything below comes from `npm run bench` -->';

/** Puts the tables of all suites that have results into the page, in this order, below the generated mark. */
export async function assemblePage(page: string, directory: string, suites: readonly Suite[]): Promise<void> {
  const before = (await readFile(page, 'utf8')).split(generatedFrom)[0]!.trimEnd();
  const parts: string[] = [];
  for (const { name } of suites) {
    const path = join(directory, `${name}.md`);
    if (existsSync(path)) parts.push((await readFile(path, 'utf8')).trim());
  }
  await writeFile(page, `${[before, generatedFrom, ...parts].join('\n\n')}\n`);
}

export function renderReport({ title, measuredAt, isQuick, engine, machine, result }: Report): string {
  const { processor, cores, memoryGiB, kernel, node, loadAverage } = machine;
  const lines = [
    `## ${title}`,
    '',
    `${measuredAt.slice(0, 10)}, ${engine}, Node ${node}, ${cores} cores (${processor}), ${memoryGiB} GiB, Linux ${kernel}; load average at the start ${loadAverage}.${isQuick ? ' **Short run: it shows that the measurement works, its figures mean nothing.**' : ''}`,
    '',
    ...result.tables.flatMap(renderTable),
  ];
  if (result.goals.length > 0) lines.push(...renderTable(goalsTable(result)));
  return `${lines.join('\n').trimEnd()}\n`;
}

const goalsTable = ({ goals }: SuiteResult): Table => ({
  title: 'Goals',
  columns: ['what', 'goal', 'measured', 'met'],
  rows: goals.map(({ what, goal, measured, isMet }) => [what, goal, measured, isMet ? 'yes' : '**no**']),
});

function renderTable({ title, columns, rows, note }: Table): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `### ${title}`,
    '',
    row(columns),
    row(columns.map(() => '---')),
    ...rows.map(row),
    '',
    ...(note ? [note, ''] : []),
  ];
}

/** Three figures are what a measurement on a shared machine is good for. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (size >= 100_000) return `${Math.round(value / 1000)}k`;
  if (size >= 1_000) return String(Math.round(value));
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** `median (lower quartile-upper quartile)`. */
export const spread = ({ median, lowerQuartile, upperQuartile }: Summary): string =>
  `${figure(median)} (${figure(lowerQuartile)}-${figure(upperQuartile)})`;

/** `ratio [low, high]`. */
export const interval = ({ ratio, low, high }: Ratio): string =>
  `${ratio.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
