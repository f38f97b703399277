/**
 * Checks of the repository itself, so that what ARCHITECTURE.md says of the layout stays true and small untidiness is
 * found by a test instead of by a reader.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { describe, it } from 'node:test';
import { assertNone, code, files, importsOf, matching, read, root, sources } from './support/repository.ts';

/** `model`, `store` …; a file directly in `src` stands for itself. */
const folderOf = (file: string): string => file.split('/')[1] as string;

/** Who may import whom (ARCHITECTURE.md, "Layout"). `server.ts` alone may import everything. */
const foundation = ['model', 'catalog', 'platform'];
const parts = ['store', 'engines', 'engine-store', 'runtime', 'endpoints', 'security'];
const mayImport: Readonly<Record<string, readonly string[]>> = {
  model: [],
  platform: [],
  catalog: ['model'],
  store: foundation,
  protocol: foundation,
  engines: foundation,
  'engine-store': foundation,
  runtime: foundation,
  endpoints: foundation,
  security: foundation,
  http: [...foundation, 'protocol'],
  fleet: [...foundation, ...parts],
  reconcilers: [...foundation, ...parts, 'fleet'],
  operations: [...foundation, ...parts, 'fleet', 'reconcilers'],
  actions: [...foundation, 'store'],
  admin: [...foundation, ...parts, 'fleet', 'reconcilers', 'operations', 'actions'],
  // Commands talk to a running Limber through its API; what they use here works without one.
  cli: [...foundation, 'engine-store', 'runtime', 'endpoints', 'security', 'fleet', 'server.ts'],
};

describe('imports', () => {
  const edges = sources.flatMap((from) =>
    importsOf(from)
      .filter((to) => to.startsWith('src/') && folderOf(to) !== folderOf(from))
      .map((to) => ({ from, to })),
  );

  it('go only in the direction that ARCHITECTURE.md gives', () => {
    const wrong = edges.filter(
      ({ from, to }) => from !== 'src/server.ts' && !mayImport[folderOf(from)]?.includes(folderOf(to)),
    );
    assertNone(
      wrong.map(({ from, to }) => `${from} imports ${to}`),
      'not in this direction',
    );
  });

  it('of the command line take nothing from the fleet but its settings, and the server in one place', () => {
    const wrong = edges.filter(
      ({ from, to }) =>
        folderOf(from) === 'cli' &&
        ((folderOf(to) === 'fleet' && to !== 'src/fleet/settings.ts') ||
          (to === 'src/server.ts' && from !== 'src/cli/serve.ts')),
    );
    assertNone(
      wrong.map(({ from, to }) => `${from} imports ${to}`),
      'commands use the API',
    );
  });

  it('make no cycle across folders', () => {
    const graph = new Map<string, Set<string>>();
    for (const { from, to } of edges)
      graph.set(folderOf(from), (graph.get(folderOf(from)) ?? new Set()).add(folderOf(to)));
    const cycle = (folder: string, path: readonly string[]): string | undefined => {
      if (path.includes(folder)) return [...path.slice(path.indexOf(folder)), folder].join(' -> ');
      for (const next of graph.get(folder) ?? []) {
        const found = cycle(next, [...path, folder]);
        if (found) return found;
      }
      return undefined;
    };
    assertNone(
      [...graph.keys()].flatMap((folder) => cycle(folder, []) ?? []),
      'folders import each other',
    );
  });

  it('name files that exist, with their extension', () => {
    const known = new Set(files);
    const wrong = code.flatMap((file) =>
      importsOf(file)
        .filter((to) => !to.includes('$') && !known.has(to))
        .map((to) => `${file} imports ${to}`),
    );
    assertNone(wrong, 'no such file');
  });

  it('reach every file of src: none is dead', () => {
    // The commands are imported by their names, and two files are started as processes.
    const entries = new Set(['src/cli/main.ts', 'src/endpoints/memcached-configuration/main.ts']);
    const table = /const commands = \{([\s\S]*?)\n\}/.exec(read('src/cli/main.ts'))?.[1] ?? '';
    for (const [, name] of table.matchAll(/^ {2}(\w+):/gm)) entries.add(`src/cli/${name}.ts`);
    const imported = new Set([...sources, ...matching(/^(scripts|bench)\/.*\.(ts|mjs)$/)].flatMap(importsOf));
    const dead = matching(/^src\/.*\.(ts|json)$/).filter((file) => !entries.has(file) && !imported.has(file));
    // A table that is not read at run time may still be the recorded source of one that is: then the code says so.
    const isCited = (file: string) => sources.some((one) => read(one).includes(`data/${basename(file)}`));
    assertNone(
      dead.filter((file) => !(file.endsWith('.json') && isCited(file))),
      'nobody imports',
    );
  });
});

/** Longest allowed, lines; a longer file is two subjects. Tables may be long. */
const linesMax = 400;
/** These were longer when the rule was made. They may only shrink: lower the number when they do. */
const longer: Readonly<Record<string, number>> = {
  // A table of what each action refuses.
  'test/e2e/refusals.test.ts': 414,
};

/** Folders of `src/actions`, each with an index that lists its handlers by their names in the API. */
const families = [
  ...new Set(matching(/^src\/actions\/[^/]+\//).map((file) => file.split('/')[2] as string)),
].filter((folder) => folder !== 'shared');
const listedActions = (family: string) => [
  ...read(`src/actions/${family}/index.ts`).matchAll(/^ {2}([A-Z]\w+): (\w+)\((?:deps)?\)/gm),
];

describe('families of actions', () => {
  /** Which other family a family may use: a member is both a cache cluster and a part of a replication group. */
  const mayUse: Readonly<Record<string, readonly string[]>> = { 'cache-clusters': ['replication-groups'] };

  it('share what lies in shared, and do not reach into each other', () => {
    const wrong = matching(/^src\/actions\/[^/]+\//).flatMap((file) => {
      const family = file.split('/')[2] as string;
      return importsOf(file)
        .filter((to) => to.startsWith('src/actions/') && to.split('/').length > 3)
        .filter((to) => ![family, 'shared', ...(mayUse[family] ?? [])].includes(to.split('/')[2] as string))
        .map((to) => `${file} imports ${to}`);
    });
    assertNone(wrong, 'move what is shared to src/actions/shared');
  });

  it('list each action once, and every family is in the index', () => {
    const names = families.flatMap(listedActions).map(([, name]) => name);
    assertNone(
      names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name}`),
      'listed twice',
    );
    const index = read('src/actions/index.ts');
    assertNone(
      families.filter((family) => !index.includes(`./${family}/index.ts`)),
      'not in src/actions/index.ts',
    );
  });
});

describe('source files', () => {
  it(`have at most ${linesMax} lines`, () => {
    const long = code
      .map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
      .filter(({ file, lines }) => lines > (longer[file] ?? linesMax));
    assertNone(
      long.map(({ file, lines }) => `${file} has ${lines}`),
      'too long',
    );
  });

  it('are named in kebab-case', () => {
    const isKebab = (file: string) =>
      /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config|\.d)?\.(ts|tsx|mjs)$/.test(basename(file));
    assertNone(
      code.filter((file) => !isKebab(file)),
      'file names are kebab-case',
    );
  });

  it('cast through unknown only what others have typed: parts of ours are real (test/support/parts.ts)', () => {
    /** The SDK's schemas, registries and signer; rows of node:sqlite. */
    const ofOthers = [
      'src/protocol/query/actions.ts',
      'src/store/sqlite/database.ts',
      'test/chaos/leftovers.ts',
      'test/protocol/service-errors.test.ts',
      'test/protocol/sigv4.test.ts',
      'test/tidy.test.ts',
    ];
    assertNone(
      code.filter((file) => /\bas unknown as\b|\bas never\b/.test(read(file)) && !ofOthers.includes(file)),
      'make the types fit, or take fewer parts (Pick)',
    );
  });

  const lineRules: readonly { readonly rule: string; readonly pattern: RegExp }[] = [
    { rule: 'say of a TODO what must change first: TODO(when …)', pattern: /\bTODO\b(?!\(when [^)]{8,}\))/ },
    { rule: 'leave no test alone with .only', pattern: /\b(?:it|describe|test)\.only\(/ },
    {
      rule: 'have no enum: `as const` arrays give both the type and the list',
      pattern: /^\s*(?:export )?(?:const )?enum \w/,
    },
    { rule: 'have no default export', pattern: /^export default\b/ },
    { rule: 'have no utils', pattern: /from '[^']*\/utils?(?:\.ts)?'/ },
  ];
  for (const { rule, pattern } of lineRules)
    it(rule, () => {
      const wrong = code
        .filter((file) => file !== 'test/tidy.test.ts')
        .flatMap((file) =>
          read(file)
            .split('\n')
            .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
        );
      assertNone(wrong, rule);
    });
});

describe('the repository', () => {
  it('names no folder of the machine that it lies on', (t) => {
    const parent = dirname(root);
    const isShared = ['/', '/home', '/tmp', '/root', '/usr', '/opt', '/srv', '/var'].includes(parent);
    // A checkout in the root directory, such as a container's /app, has no name of its own.
    if (parent === '/') return t.skip('the checkout lies in the root directory');
    const needle = isShared ? root : `${parent}/`;
    const found = files.filter((file) =>
      read(file)
        .split(needle)
        .slice(0, -1)
        .some((before) => !/[\w.$}-]$/.test(before)),
    );
    assertNone(found, 'a path of this machine');
  });

  it('names no registry: they are the machine’s own affair', (t) => {
    const hosts = registryHosts();
    if (hosts.length === 0) return t.skip('npm names no registry here');
    assertNone(
      files.filter((file) => hosts.some((host) => read(file).includes(host))),
      'the host of a registry',
    );
  });

  it('depends on exact versions', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>;
    const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'];
    const loose = kinds
      .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    assertNone(
      loose.map(([name, version]) => `${name}: ${version}`),
      'not exact',
    );
  });

  it('keeps addresses of packages out of the lockfile', () => {
    assert.doesNotMatch(read('package-lock.json'), /"resolved":/);
  });
});

describe('the handle of a process', () => {
  it('is looked into by the runtime alone', () => {
    const wrong = sources.filter(
      (file) =>
        !/^src\/(runtime\/|model\/node\.ts)/.test(file) &&
        read(file)
          .split('\n')
          // Memcached is known by its number alone, and people are shown it.
          .some(
            (line) => /\bhandle\??\.(pid|bootId|startTime)\b/.test(line) && !/answersAt|^\s*pid: /.test(line),
          ),
    );
    assertNone(wrong, 'use isSameProcess, isEngineOf or processName');
  });
});

describe('what is built', () => {
  it('has a test that mentions it, for every action', () => {
    const actions = families.flatMap(listedActions);
    assert.ok(actions.length > 30, 'the tables of actions are not where they were');
    const tests = matching(/^test\/.*\.ts$/)
      .filter((file) => file !== 'test/tidy.test.ts')
      .map(read)
      .join('\n');
    const untested = actions.filter(
      ([, name = '', handler = '']) => !new RegExp(`\\b(?:${name}(?:Command)?|${handler})\\b`).test(tests),
    );
    assertNone(
      untested.map(([, name]) => `${name}`),
      'no test mentions',
    );
  });

  it('has a line in docs/errors.md for every code that it answers', () => {
    const documented = new Set(
      [...read('docs/errors.md').matchAll(/^\| ([\w.]+) \| \d{3} \|/gm)].map(([, one]) => one),
    );
    const used = sources.flatMap((file) =>
      [...read(file).matchAll(/new ServiceError\(\s*'([\w.]+)'/g)].map(([, name]) => ({ file, name })),
    );
    assert.ok(used.length > 50, 'service errors are not made as they were');
    assertNone(
      used.filter(({ name }) => !documented.has(name)).map(({ file, name }) => `${name} of ${file}`),
      'not in docs/errors.md',
    );
  });
});

/** Hosts of the npm registries that this machine uses, without naming any here; empty when npm cannot say. */
function registryHosts(): string[] {
  const given = process.env.npm_config_registry ?? askNpm();
  const host = given && URL.canParse(given) ? new URL(given).hostname : '';
  return host === '' || host === 'localhost' || /^[\d.]+$/.test(host) ? [] : [host];
}

function askNpm(): string {
  try {
    return execFileSync('npm', ['config', 'get', 'registry'], {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: 'pipe',
    }).trim();
  } catch {
    return '';
  }
}
