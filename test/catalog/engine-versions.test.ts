import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  chooseEngineVersion,
  describeEngineVersions,
  engineVersions,
  familyOf,
  parseEngine,
  reportedVersion,
} from '../../src/catalog/engine-versions.ts';
import { compareVersions, isAtLeast } from '../../src/catalog/version-order.ts';
import type { Engine } from '../../src/model/resource.ts';
import { ServiceError } from '../../src/model/service-errors.ts';

const refused = (run: () => unknown, code: string, pattern: RegExp) =>
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  });

const installed = (engine: Engine, version: string) => ({ engine, version, installed: true });
const versions = [
  installed('valkey', '9.1.2'),
  installed('valkey', '8.1.1'),
  installed('valkey', '8.0.1'),
  installed('valkey', '8.0.4'),
  installed('redis', '7.0.15'),
  installed('redis', '8.0.2'),
  installed('memcached', '1.6.18'),
  installed('memcached', '1.6.38'),
];

const offer = (runnable: Parameters<typeof engineVersions>[0]['runnable'], allowStandIns = false) => ({
  runnable,
  allowStandIns,
});
const runnable = offer(versions);
const choose = (engine: Engine, asked?: string) => chooseEngineVersion(engine, asked, runnable);

describe('version numbers', () => {
  it('compare part by part as numbers', () => {
    assert.ok(compareVersions('1.6.9', '1.6.10') < 0);
    assert.ok(compareVersions('7.0', '7.0.0') === 0);
    assert.ok(isAtLeast('8.1.1', '8.1') && !isAtLeast('8.0.4', '8.1'));
  });
});

describe('engines', () => {
  it('are read without regard to case', () => assert.equal(parseEngine('Valkey'), 'valkey'));
  it('that do not exist are refused with those that do', () =>
    refused(
      () => parseEngine('keydb'),
      'InvalidParameterValue',
      /Engine.*"keydb".*memcached, redis, valkey/,
    ));
});

describe('versions that can be asked for', () => {
  it('are those that this machine can run, and ElastiCache’s own names for them', () =>
    assert.deepEqual(
      engineVersions(runnable).map(({ engine, version, runs }) => `${engine} ${version} = ${runs}`),
      [
        'memcached 1.6.18 = 1.6.18',
        'memcached 1.6.38 = 1.6.38',
        'redis 7.0 = 7.0.15',
        'redis 7.1 = 7.0.15',
        'valkey 8.0 = 8.0.4',
        'valkey 8.1 = 8.1.1',
        'valkey 8.2 = 8.1.1',
        'valkey 9.1 = 9.1.2',
      ],
    ));
  it('do not include ElastiCache’s own names when nothing can serve them', () =>
    assert.deepEqual(
      engineVersions(offer([installed('valkey', '8.0.1')])).map(({ version }) => version),
      ['8.0'],
    ));

  const families: [Engine, string, string | undefined][] = [
    ['redis', '2.8.24', 'redis2.8'],
    ['redis', '3.2.10', 'redis3.2'],
    ['redis', '4.0.10', 'redis4.0'],
    ['redis', '5.0.6', 'redis5.0'],
    ['redis', '6.2', 'redis6.x'],
    ['redis', '7.1', 'redis7'],
    ['redis', '8.0.2', undefined],
    ['valkey', '7.2', 'valkey7'],
    ['valkey', '8.1.1', 'valkey8'],
    ['valkey', '9.1', 'valkey9'],
    ['valkey', '10.0', undefined],
    ['memcached', '1.6.38', 'memcached1.6'],
    ['memcached', '1.5.16', 'memcached1.5'],
  ];
  for (const [engine, version, family] of families)
    it(`${engine} ${version} has ${family === undefined ? 'no family' : `the family ${family}`}`, () =>
      assert.equal(familyOf(engine, version), family));
});

describe('choosing a version', () => {
  it('takes the newest when none is given', () => {
    assert.equal(choose('valkey').version, '9.1');
    assert.equal(choose('redis').version, '7.1');
    assert.equal(choose('memcached').version, '1.6.38');
  });
  it('stands for the newest patch of a minor', () => {
    assert.deepEqual(choose('valkey', '8.0'), {
      engine: 'valkey',
      version: '8.0',
      family: 'valkey8',
      runs: '8.0.4',
      note: null,
      standIn: null,
    });
  });
  it('runs a patch that is at hand before a newer one that would have to be fetched, as the engine store does', () => {
    const fetched = { engine: 'valkey', version: '8.0.4', installed: false } as const;
    const runs = (rows: Parameters<typeof offer>[0]) =>
      chooseEngineVersion('valkey', '8.0', offer(rows)).runs;
    assert.equal(runs([fetched, installed('valkey', '8.0.1')]), '8.0.1');
    assert.equal(runs([fetched, installed('valkey', '8.1.1')]), '8.0.4');
  });
  it('says which engine serves ElastiCache’s own versions, and what they lack', () => {
    assert.match(choose('redis', '7.1').note ?? '', /7\.0-compatible.*redis 7\.0\.15 serves it/);
    assert.match(choose('valkey', '8.2').note ?? '', /search is not part of this engine.*valkey 8\.1\.1/);
  });
  it('serves a Memcached patch that is not at hand with a newer one of the same minor, and says so', () => {
    const choice = choose('memcached', '1.6.22');
    assert.equal(choice.version, '1.6.22');
    assert.equal(choice.runs, '1.6.38');
    assert.equal(choice.family, 'memcached1.6');
    assert.equal(choice.note, 'memcached 1.6.22 is not at hand; the newer patch 1.6.38 serves it.');
  });
  for (const [engine, asked] of [
    ['memcached', '1.6.39'],
    ['memcached', '1.5.16'],
    ['redis', '6.2'],
    ['redis', '6.x'],
    ['redis', '5.0.6'],
    ['redis', '8.0'],
    ['valkey', '7.2'],
    ['valkey', '9.0'],
  ] as const)
    it(`refuses ${engine} ${asked}, which cannot be had, and says what can`, () =>
      refused(
        () => choose(engine, asked),
        'InvalidParameterCombination',
        new RegExp(
          `^Cannot find version ${asked.replaceAll('.', '\\.')} for ${engine}\\. This machine can run \\d`,
        ),
      ));
  it('takes the newest minor for 6.x of Redis', () => {
    const six = [installed('redis', '6.0.16'), installed('redis', '6.2.7')] as const;
    assert.equal(chooseEngineVersion('redis', '6.x', offer(six)).version, '6.2');
  });
  it('refuses a patch number where ElastiCache chooses it, in AWS’s words', () => {
    for (const [engine, asked, minor] of [
      ['redis', '7.0.15', '7.0'],
      ['valkey', '8.1.1', '8.1'],
    ] as const)
      refused(
        () => choose(engine, asked),
        'InvalidParameterValue',
        new RegExp(`Specific version selection is not allowed for '${asked}', please use '${minor}'`),
      );
  });
  for (const [engine, asked] of [
    ['valkey', '8'],
    ['valkey', 'latest'],
    ['valkey', '6.2'],
    ['redis', '5.0'],
    ['redis', '7.x'],
    ['memcached', '1.6'],
    ['memcached', ''],
  ] as const)
    it(`refuses "${asked}", which is no version of ${engine}`, () =>
      refused(
        () => choose(engine, asked),
        'InvalidParameterValue',
        /EngineVersion is not a version of .*numbers, like/,
      ));
  it('says so when no version of an engine can be had', () =>
    refused(
      () => chooseEngineVersion('redis', undefined, offer([])),
      'InvalidParameterCombination',
      /no version of redis/,
    ));
});

describe('a version that nobody packages any more', () => {
  const allowed = offer(versions, true);
  const served: [Engine, string, string, string, string][] = [
    ['redis', '2.8.24', 'redis2.8', '7.0', '7.0.15'],
    ['redis', '3.2.10', 'redis3.2', '7.0', '7.0.15'],
    ['redis', '5.0.6', 'redis5.0', '7.0', '7.0.15'],
    ['redis', '6.0', 'redis6.x', '7.0', '7.0.15'],
    ['redis', '6.2', 'redis6.x', '7.0', '7.0.15'],
    ['valkey', '7.2', 'valkey7', '8.0', '8.0.4'],
    ['valkey', '9.0', 'valkey9', '9.1', '9.1.2'],
    ['memcached', '1.4.24', 'memcached1.4', '1.6', '1.6.38'],
    ['memcached', '1.5.16', 'memcached1.5', '1.6', '1.6.38'],
  ];
  for (const [engine, asked, family, standIn, runs] of served)
    it(`${engine} ${asked} is served by ${runs}, the nearest newer one, where stand-ins are allowed`, () => {
      const note = `${engine} ${asked} is not to be had here; the newer ${engine} ${runs} stands in for it.`;
      const expected = { engine, version: asked, family, runs, note, standIn };
      assert.deepEqual(chooseEngineVersion(engine, asked, allowed), expected);
    });
  it('is refused otherwise, and the error names the setting', () => {
    for (const [engine, asked, runs] of [
      ['redis', '6.2', '7\\.0\\.15'],
      ['redis', '6.x', '7\\.0\\.15'],
      ['valkey', '7.2', '8\\.0\\.4'],
      ['memcached', '1.5.16', '1\\.6\\.38'],
    ] as const)
      refused(
        () => choose(engine, asked),
        'InvalidParameterCombination',
        new RegExp(`limber up --stand-ins.*LIMBER_STAND_INS=1.*lets ${engine} ${runs} stand in for it`),
      );
  });
  it('is 6.2 when Redis 6.x is asked for', () =>
    assert.equal(chooseEngineVersion('redis', '6.x', allowed).version, '6.2'));
  it('is not served by an older version, and not when ElastiCache never had it', () => {
    for (const asked of ['6.1', '5.0.7', '8.0'])
      refused(
        () => chooseEngineVersion('redis', asked, allowed),
        'InvalidParameterCombination',
        /Cannot find/,
      );
    const old = offer([installed('valkey', '8.0.1')], true);
    refused(
      () => chooseEngineVersion('valkey', '9.0', old),
      'InvalidParameterCombination',
      /run 7\.2, 8\.0\./,
    );
  });
  it('does not change what runs by default, nor for what can be had', () => {
    for (const [engine, version] of [
      ['valkey', undefined],
      ['redis', undefined],
      ['memcached', undefined],
      ['redis', '7.0'],
      ['memcached', '1.6.22'],
    ] as const)
      assert.deepEqual(chooseEngineVersion(engine, version, allowed), choose(engine, version));
  });
  it('is listed with what stands in for it', () =>
    assert.deepEqual(
      describeEngineVersions(allowed, { family: 'redis6.x' }).map((row) => row.versionDescription),
      ['6.0', '6.2'].map(
        (version) =>
          `redis version ${version} (redis ${version} is not to be had here; the newer redis 7.0.15 stands in for it)`,
      ),
    ));
});

describe('the version that a cache reports', () => {
  const rows: [Engine, string, string | null, string, string][] = [
    ['valkey', '8.1', '8.1.1', '8.1.1', 'is what runs'],
    ['redis', '7.1', '7.0.15', '7.1.0', 'keeps ElastiCache’s own name, which tools compare'],
    ['valkey', '9.1', null, '9.1.0', 'is a patch of 0 until a node has answered'],
    ['redis', '6.2', '7.0.15', '6.2.6', 'is ElastiCache’s patch where another version stands in'],
    ['redis', '6.0', '7.0.15', '6.0.5', 'is ElastiCache’s patch where another version stands in'],
    ['redis', '5.0.6', '7.0.15', '5.0.6', 'is what was asked for where that has a patch'],
    ['valkey', '7.2', '8.0.1', '7.2.6', 'is ElastiCache’s patch where another version stands in'],
    ['valkey', '9.0', '9.1.2', '9.0.0', 'is a patch of 0 where ElastiCache’s is not known'],
    ['memcached', '1.6.22', '1.6.38', '1.6.22', 'is what was asked for, since tools compare all of it'],
  ];
  for (const [engine, version, running, expected, why] of rows)
    it(`${why}: ${engine} ${version} on ${running} is ${expected}`, () =>
      assert.equal(reportedVersion(engine, version, running), expected));
});

describe('describing versions', () => {
  it('gives the texts that AWS gives', () =>
    assert.deepEqual(
      describeEngineVersions(runnable, { engine: 'valkey', engineVersion: '8.0' }).map((row) => [
        row.engineDescription,
        row.versionDescription,
      ]),
      [['Valkey', 'valkey version 8.0.4']],
    ));
  it('says what serves ElastiCache’s own names', () =>
    assert.match(
      describeEngineVersions(runnable, { engineVersion: '7.1' })[0]?.versionDescription ?? '',
      /^redis version 7\.1 \(.*redis 7\.0\.15 serves it\)$/,
    ));
  it('filters by family', () =>
    assert.deepEqual(
      describeEngineVersions(runnable, { family: 'valkey8' }).map(({ version }) => version),
      ['8.0', '8.1', '8.2'],
    ));
  it('gives one row per engine, or the family’s one, when only defaults are wanted', () => {
    assert.deepEqual(
      describeEngineVersions(runnable, { defaultOnly: true }).map(({ version }) => version),
      ['1.6.38', '7.1', '9.1'],
    );
    assert.deepEqual(
      describeEngineVersions(runnable, { family: 'valkey8', defaultOnly: true }).map(
        ({ version }) => version,
      ),
      ['8.2'],
    );
  });
  it('is empty for a version that cannot be had', () =>
    assert.deepEqual(describeEngineVersions(runnable, { engineVersion: '5.0.6' }), []));
  it('refuses engines and families that do not exist', () => {
    refused(() => describeEngineVersions(runnable, { engine: 'x' }), 'InvalidParameterValue', /Engine/);
    refused(() => describeEngineVersions(runnable, { family: 'redis8' }), 'InvalidParameterValue', /redis7/);
  });
});
