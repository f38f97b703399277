import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { versionAliases } from '../../src/catalog/engine-packages.ts';
import { choose, readRequest } from '../../src/engine-store/choose-engine.ts';
import type { EngineName, FetchableEngine } from '../../src/engine-store/contract.ts';
import { isNewerPatch, upstreamVersion } from '../../src/engine-store/engine-version.ts';

function engine(name: string) {
  const [engine, version, suite] = name.split('@') as [EngineName, string, string | undefined];
  return suite === undefined ? { engine, version } : { engine, version, suite };
}

function entry(name: string): FetchableEngine {
  const { engine: kind, version, suite } = engine(name);
  return { engine: kind, version, suites: [suite ?? 'sid'], packages: [] };
}

/** The decision in words: `use 8.1.1`, `fetch 1.6.45 1.6.38, else 1.6.18`, `unavailable`. */
function decide(asked: string, atHand: string[], fetchable: string[]): string {
  const request = engine(asked);
  const wish = readRequest(request, versionAliases);
  if (!wish) return 'no version';
  const choice = choose(wish, atHand.map(engine), fetchable.map(entry));
  if (choice.kind === 'unavailable') return 'unavailable';
  if (choice.kind === 'use') return `use ${choice.engine.version}`;
  const versions = choice.entries.map((one) => one.version).join(' ');
  return choice.otherwise ? `fetch ${versions}, else ${choice.otherwise.version}` : `fetch ${versions}`;
}

const rules: [title: string, asked: string, atHand: string[], fetchable: string[], decision: string][] = [
  [
    'uses the newest patch of the minor at hand',
    'valkey@8.1',
    ['valkey@8.1.1', 'valkey@8.1.4'],
    [],
    'use 8.1.4',
  ],
  ['fetches nothing for a minor at hand', 'valkey@8.1', ['valkey@8.1.1'], ['valkey@8.1.4'], 'use 8.1.1'],
  ['fetches a minor that is not at hand', 'valkey@8.0', ['valkey@8.1.1'], ['valkey@8.0.1'], 'fetch 8.0.1'],
  [
    'never runs another minor',
    'valkey@8.0',
    ['valkey@8.1.1', 'valkey@7.2.9'],
    ['valkey@9.1.2'],
    'unavailable',
  ],
  ['never runs another engine', 'redis@7.0', ['valkey@7.0.1'], ['valkey@7.0.1'], 'unavailable'],
  ['takes any minor of a major', 'valkey@9', ['valkey@9.0.3'], ['valkey@9.1.2'], 'use 9.0.3'],
  ['does not mistake 8.1 for 8.10', 'valkey@8.1', ['valkey@8.10.0'], [], 'unavailable'],
  ['uses the very patch', 'memcached@1.6.18', ['memcached@1.6.45', 'memcached@1.6.18'], [], 'use 1.6.18'],
  [
    'fetches the very patch although a newer one is at hand',
    'memcached@1.6.18',
    ['memcached@1.6.45'],
    ['memcached@1.6.18@bookworm'],
    'fetch 1.6.18, else 1.6.45',
  ],
  ['falls back on a newer patch at hand', 'memcached@1.6.22', ['memcached@1.6.45'], [], 'use 1.6.45'],
  [
    'fetches a newer patch, the newest first',
    'memcached@1.6.22',
    ['memcached@1.6.18'],
    ['memcached@1.6.38', 'memcached@1.6.45'],
    'fetch 1.6.45 1.6.38',
  ],
  [
    'never runs an older patch',
    'memcached@1.6.50',
    ['memcached@1.6.45'],
    ['memcached@1.6.45'],
    'unavailable',
  ],
  [
    'does not fetch again from a suite that has moved on',
    'memcached@1.6.38',
    ['memcached@1.6.39@trixie'],
    ['memcached@1.6.38@trixie'],
    'use 1.6.39',
  ],
  ['serves Redis OSS 7.1 by 7.0', 'redis@7.1', ['redis@7.0.15'], [], 'use 7.0.15'],
  ['serves Valkey 8.2 by 8.1', 'valkey@8.2', ['valkey@9.1.2'], ['valkey@8.1.1'], 'fetch 8.1.1'],
  ['reads 6.x as the newest 6', 'redis@6.x', ['redis@6.2.14'], [], 'use 6.2.14'],
  [
    'has nothing for a version nobody packages',
    'redis@6.2',
    ['redis@7.0.15'],
    ['redis@7.0.15'],
    'unavailable',
  ],
  [
    'fetches a newer minor for the newest',
    'valkey@newest',
    ['valkey@8.1.1'],
    ['valkey@9.1.2'],
    'fetch 9.1.2, else 8.1.1',
  ],
  [
    'is content with a patch of the newest minor',
    'valkey@newest',
    ['valkey@9.1.0'],
    ['valkey@9.1.2'],
    'use 9.1.0',
  ],
  [
    'uses something newer than it knows of',
    'valkey@newest',
    ['valkey@10.0.0'],
    ['valkey@9.1.2'],
    'use 10.0.0',
  ],
  ['refuses what is no version', 'valkey@latest', ['valkey@9.1.2'], [], 'no version'],
  ['refuses a path posing as a version', 'valkey@../8', [], [], 'no version'],
];

describe('choosing an engine: engine asked = engine run', () => {
  for (const [title, asked, atHand, fetchable, decision] of rules) {
    it(`${title} (${asked})`, () => assert.equal(decide(asked, atHand, fetchable), decision));
  }

  it('counts an explicit path before the system before a package of the same version', () => {
    const atHand = [
      { engine: 'valkey', version: '8.1.1', source: 'path' },
      { engine: 'valkey', version: '8.1.1', source: 'package' },
    ] as const;
    const choice = choose({ engine: 'valkey', version: '8.1' }, atHand, []);
    assert.deepEqual(choice, { kind: 'use', engine: atHand[0] });
  });
});

describe('engine versions', () => {
  it('reads the upstream version out of a Debian package version', () => {
    const versions = ['9.1.2-1', '8.0.1+dfsg1-1~bpo12+1', '5:7.0.15-1~deb12u5', '1.6.38-1', '2026-1'];
    assert.deepEqual(versions.map(upstreamVersion), ['9.1.2', '8.0.1', '7.0.15', '1.6.38', null]);
  });

  it('knows a newer patch only within one minor', () => {
    assert.equal(isNewerPatch('1.6.38', '1.6.22'), true);
    assert.equal(isNewerPatch('1.6.22', '1.6.22'), false);
    assert.equal(isNewerPatch('1.7.0', '1.6.22'), false);
    assert.equal(isNewerPatch('8.1.4', '8.1'), false); // that one is of the version, not newer than it
  });
});
