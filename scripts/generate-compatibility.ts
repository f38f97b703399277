/**
 * Writes docs/compatibility.md from the table of handlers that the server really uses, the parameters that the
 * actions' own files refuse, and the notes beside this file: `node scripts/generate-compatibility.ts`. A test fails
 * while the page differs from what this would write.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ActionDeps } from '../src/actions/action.ts';
import { createActions } from '../src/actions/index.ts';
import { type ActionName, actionNames } from '../src/protocol/query/index.ts';
import { families, limits, listsNothing } from './compatibility-notes.ts';

const pagePath = fileURLToPath(new URL('../docs/compatibility.md', import.meta.url));
const actionsFolder = fileURLToPath(new URL('../src/actions/', import.meta.url));

/** Making the handlers touches none of what they are given. */
export const builtActions: ReadonlySet<string> = new Set(Object.keys(createActions({} as ActionDeps)));

/** The list `notBuilt` of a file, and lists given to `refuseNotYet` in place. */
export function refusedParameters(source: string): string[] {
  const lists = [
    ...source.matchAll(/const notBuilt = \[([^\]]*)\]/g),
    ...source.matchAll(/refuseNotYet\(input, \[([^\]]*)\]\)/g),
  ];
  const names = lists.flatMap(([, list = '']) =>
    [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name as string),
  );
  return [...new Set(names)].sort();
}

/** The file of an action's own, `<family>/create-cache-cluster.ts`; null for one that shares a file with others. */
function sourceOf(action: ActionName): string | null {
  const name = action.replace(/(?<=.)[A-Z]/g, '-$&').toLowerCase();
  const [file] = globSync(`*/${name}.ts`, { cwd: actionsFolder });
  return file ? readFileSync(join(actionsFolder, file), 'utf8') : null;
}

function limitsOf(action: ActionName): string[] {
  const refused = refusedParameters(sourceOf(action) ?? '');
  const sentence =
    refused.length > 0 ? [`not yet, and refused: ${refused.map((one) => `\`${one}\``).join(', ')}`] : [];
  return [...sentence, ...(limits[action] ? [limits[action]] : [])];
}

function row(action: ActionName): string {
  if (!builtActions.has(action)) return `| ${action} | – | |`;
  if (listsNothing.includes(action)) return `| ${action} | empty | |`;
  const limited = limitsOf(action);
  return `| ${action} | ${limited.length > 0 ? 'limited' : 'yes'} | ${limited.join('; ')} |`;
}

export function compatibilityPage(): string {
  const built = actionNames.filter((one) => builtActions.has(one) && !listsNothing.includes(one)).length;
  const tables = families.map(({ title, sentence, actions }) =>
    [
      `## ${title}`,
      '',
      ...(sentence ? [sentence, ''] : []),
      '| action | built | limits |',
      '|---|---|---|',
      ...actions.map(row),
    ].join('\n'),
  );
  return `# Compatibility

<!-- Written by scripts/generate-compatibility.ts: change the code or scripts/compatibility-notes.ts, not this page. -->

ElastiCache's API of version 2015-02-02 has ${actionNames.length} actions; ${built} are built. Every action is decoded and checked from the
AWS SDK's own description of it.

- **yes**: as ElastiCache does it, but for the [differences](differences.md) that hold everywhere.
- **limited**: built; what it does not do is said. A parameter that is not built yet is refused with
  \`InvalidParameterValue\` and never ignored.
- **empty**: what it lists cannot be made yet; the list is empty, and by its id there is none (NotFound).
- **–**: not yet. It answers \`InvalidAction\` with the action's name, never a made-up success.

${tables.join('\n\n')}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(pagePath, compatibilityPage());
