/** What a file exports is there for another file of the product: see CONTRIBUTING.md, "Habits". */
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { assertNone, code, read, sources } from './support/repository.ts';

describe('exports', () => {
  /** Names by file that somebody imports from it; `*` where all of it is taken, or it is loaded by its name. */
  const imported = new Map<string, Map<string, string[]>>();
  const note = (from: string, to: string, name: string) => {
    const names = imported.get(to) ?? new Map<string, string[]>();
    imported.set(to, names.set(name, [...(names.get(name) ?? []), from]));
  };
  const pattern =
    /\b(?:import|export)\s+(?:type\s+)?(?:\{([^}]*)\}|(\*)[^'{};]*)\s*from\s*'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'/g;
  for (const from of code)
    for (const [, list, , to, loaded] of read(from).matchAll(pattern)) {
      const names = list?.split(',').map(
        (one) =>
          one
            .replace(/^\s*type\s/, '')
            .trim()
            .split(/\s+as\s+/)[0]!,
      ) ?? ['*'];
      for (const name of names) note(from, join(dirname(from), (to ?? loaded)!), name);
    }
  const exported =
    /^export\s+(?:async\s+|abstract\s+)?(?:function\*?|const|let|class|interface|type)\s+(\w+)/gm;
  const isTest = (file: string) => file.startsWith('test/');
  /** Commands are found by their names in `src/cli/main.ts`. */
  const isCommand = (file: string, name: string) => file.startsWith('src/cli/') && /^(run|usage)$/.test(name);

  const unused = sources.flatMap((file) => {
    const names = imported.get(file) ?? new Map<string, string[]>();
    const bare = read(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    return [...read(file).matchAll(exported)].flatMap(([, name = '']) => {
      const users = [...(names.get(name) ?? []), ...(names.get('*') ?? [])];
      if (isCommand(file, name) || users.some((user) => !isTest(user))) return [];
      const isUsedHere = bare.split(new RegExp(`\\b${name}\\b`)).length > 2;
      return [{ text: `${name} of ${file}`, isTested: users.length > 0, isUsedHere }];
    });
  });

  it('are there for somebody: what nobody imports is private to its file', () => {
    const wrong = unused.filter(({ isTested }) => !isTested);
    assertNone(
      wrong.map(({ text }) => text),
      'nobody imports (leave out `export`, or the whole of it)',
    );
  });

  it('that only tests import are parts of what their own file does, and not dead', () => {
    const wrong = unused.filter((one) => one.isTested && !one.isUsedHere);
    assertNone(
      wrong.map(({ text }) => text),
      'only tests use',
    );
  });
});
