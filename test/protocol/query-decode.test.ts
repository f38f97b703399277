import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as sdk from '@aws-sdk/client-elasticache';
import type { NormalizedSchema } from '@smithy/core/schema';
import { ServiceError, type ServiceErrorCode } from '../../src/model/service-errors.ts';
import { parseForm } from '../../src/protocol/form.ts';
import { inputSchema } from '../../src/protocol/query/actions.ts';
import {
  type ActionInput,
  type ActionName,
  actionNames,
  decodeInput,
} from '../../src/protocol/query/index.ts';
import { enumValues } from '../../src/protocol/query/input-enums.ts';

function decode<A extends ActionName>(action: A, form: string): ActionInput<A> {
  return decodeInput(action, parseForm(form));
}

function refused(run: () => unknown, code: ServiceErrorCode, message: string | RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.code, code);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

const group = 'ReplicationGroupId=orders&ReplicationGroupDescription=demo';

describe('lists in a request', () => {
  const wanted = [{ Key: 'team', Value: 'a' }, { Key: 'env' }];
  for (const [form, prefix] of [
    ['with the tag of the model, as SDKs send them', 'Tags.Tag.'],
    ['with .member.N, as the documentation has them', 'Tags.member.'],
    ['with bare indexes, as old clients send them', 'Tags.'],
  ] as const) {
    it(`are read ${form}`, () => {
      const text = `${group}&${prefix}2.Key=env&${prefix}1.Key=team&${prefix}1.Value=a`;
      assert.deepEqual(decode('CreateReplicationGroup', text).Tags, wanted);
    });
  }

  it('keep an empty list apart from none', () => {
    assert.deepEqual(decode('CreateReplicationGroup', `${group}&UserGroupIds=`).UserGroupIds, []);
    assert.equal('UserGroupIds' in decode('CreateReplicationGroup', group), false);
  });

  it('may have a tag with the name of the list itself', () => {
    const text =
      'ReplicationGroupId=a&NodeGroupCount=2&ApplyImmediately=true' +
      '&ReshardingConfiguration.ReshardingConfiguration.1.PreferredAvailabilityZones.AvailabilityZone.1=us-east-1a';
    const input = decode('ModifyReplicationGroupShardConfiguration', text);
    assert.deepEqual(input.ReshardingConfiguration, [{ PreferredAvailabilityZones: ['us-east-1a'] }]);
  });

  it('of 500 node groups are read in order', () => {
    const ids = Array.from({ length: 500 }, (_, i) => String(i + 1).padStart(4, '0'));
    const items = ids.map(
      (id, i) => `NodeGroupConfiguration.NodeGroupConfiguration.${i + 1}.NodeGroupId=${id}`,
    );
    const input = decode('CreateReplicationGroup', `${group}&${items.reverse().join('&')}`);
    assert.deepEqual(
      input.NodeGroupConfiguration?.map(({ NodeGroupId }) => NodeGroupId),
      ids,
    );
  });

  for (const [title, form, message] of [
    ['with a huge index', 'Tags.Tag.999999999.Key=a', /has 1 elements, but none with index 1/],
    ['with an index beyond all bounds', `Tags.Tag.${'9'.repeat(400)}.Key=a`, /numbered 1, 2, 3/],
    ['with index 0', 'Tags.Tag.0.Key=a', /numbered 1, 2, 3/],
    ['with a leading zero', 'Tags.Tag.01.Key=a', /numbered 1, 2, 3/],
    ['with a gap', 'Tags.Tag.1.Key=a&Tags.Tag.3.Key=b', /has 2 elements, but none with index 2/],
    ['with another tag', 'Tags.Label.1.Key=a', /Tags\.Label is not known.*Tags\.Tag\.N/],
    [
      'whose element is given in two forms',
      'Tags.Tag.1.Key=a&Tags.member.1.Key=b',
      /Tags\.member\.1 is given more than once/,
    ],
    ['given as a single value', 'Tags=a', /Tags is a list: give its elements as Tags\.Tag\.1/],
    ['given as a tag without an index', 'UserGroupIds.member=a', /UserGroupIds\.member needs an index/],
  ] as const) {
    it(`${title} are refused`, () => {
      refused(() => decode('CreateReplicationGroup', `${group}&${form}`), 'InvalidParameterValue', message);
    });
  }
});

describe('values in a request', () => {
  it('are read with the type of their member', () => {
    const text = `${group}&Port=6380&MultiAZEnabled=true&AutomaticFailoverEnabled=False&NumNodeGroups=-1&AuthToken=`;
    const { Port, MultiAZEnabled, AutomaticFailoverEnabled, NumNodeGroups, AuthToken } = decode(
      'CreateReplicationGroup',
      text,
    );
    assert.deepEqual(
      [Port, MultiAZEnabled, AutomaticFailoverEnabled, NumNodeGroups, AuthToken],
      [6380, true, false, -1, ''],
    );
  });

  for (const [text, iso] of [
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.678901Z', '2026-01-02T03:04:05.678Z'],
    ['2026-01-02T03:04Z', '2026-01-02T03:04:00.000Z'],
    ['2026-01-02', '2026-01-02T00:00:00.000Z'],
    ['2026-01-02T03:04:05', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05%2B02:00', '2026-01-02T01:04:05.000Z'],
    ['2024-02-29T00:00:00-0130', '2024-02-29T01:30:00.000Z'],
  ] as const) {
    it(`read the time ${decodeURIComponent(text)}`, () => {
      assert.equal(decode('DescribeEvents', `StartTime=${text}`).StartTime?.toISOString(), iso);
    });
  }

  for (const [title, form, message] of [
    [
      'an integer with a fraction',
      'Duration=1.5',
      'Invalid value "1.5" for Duration: must be an integer between -2147483648 and 2147483647.',
    ],
    ['an integer beyond 32 bits', 'Duration=2147483648', /"2147483648" for Duration: must be an integer/],
    ['a blank integer', 'Duration=', /"" for Duration: must be an integer/],
    ['a hexadecimal integer', 'Duration=0x10', /must be an integer/],
    [
      'a time that does not exist',
      'StartTime=2026-02-30T00:00:00Z',
      /"2026-02-30T00:00:00Z" for StartTime: must be a time that exists/,
    ],
    ['a time in words', 'StartTime=yesterday', /"yesterday" for StartTime: must be a time in ISO 8601/],
    [
      'a value that is not on the list',
      'SourceType=planet',
      /"planet" for SourceType: must be one of cache-cluster, .*user-group\.$/,
    ],
    [
      'a member of a single value',
      'SourceType.Name=a',
      /SourceType\.Name is not known: SourceType has a single value/,
    ],
    [
      'a parameter that the action does not have',
      'Flavour=sweet',
      'DescribeEvents has no parameter Flavour.',
    ],
    ['a name in the wrong case', 'sourcetype=user', 'DescribeEvents has no parameter sourcetype.'],
    ['__proto__ as a name', '__proto__=1&__proto__.x=1', 'DescribeEvents has no parameter __proto__.'],
    ['constructor as a name', 'constructor.prototype.x=1', 'DescribeEvents has no parameter constructor.'],
    ['a name given twice', 'Marker=a&Marker=b', 'The parameter Marker is given more than once.'],
    [
      'a character that XML cannot hold',
      'Marker=a%00b',
      'The parameter Marker contains the character U+0000, which is not allowed.',
    ],
    ['a name nested too deeply', `${'a.'.repeat(200)}a=1`, /is nested too deeply/],
    ['a name that is too long', `${'a'.repeat(600)}=1`, /is too long/],
  ] as const) {
    it(`refuse ${title}, naming it`, () => {
      refused(() => decode('DescribeEvents', form), 'InvalidParameterValue', message);
    });
  }

  it('refuse something else than true or false', () => {
    refused(
      () => decode('CreateReplicationGroup', `${group}&MultiAZEnabled=yes`),
      'InvalidParameterValue',
      'Invalid value "yes" for MultiAZEnabled: must be true or false.',
    );
  });

  it('name the place of a bad value inside a list', () => {
    refused(
      () => decode('CreateReplicationGroup', `${group}&NodeGroupConfiguration.member.1.ReplicaCount=two`),
      'InvalidParameterValue',
      /"two" for NodeGroupConfiguration\.member\.1\.ReplicaCount/,
    );
  });

  it('are shortened in messages', () => {
    assert.throws(
      () => decode('DescribeEvents', `Duration=${'x'.repeat(100_000)}`),
      ({ message }: Error) => message.length < 400,
    );
  });

  it('never touch a prototype, whatever their names', () => {
    const input = decode(
      'CreateReplicationGroup',
      `${group}&Tags.Tag.1.Key=__proto__&Tags.Tag.1.Value=polluted`,
    );
    assert.deepEqual(input.Tags, [{ Key: '__proto__', Value: 'polluted' }]);
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  });
});

describe('required parameters', () => {
  for (const [title, action, form, name] of [
    ['absent', 'CreateReplicationGroup', 'ReplicationGroupId=a', 'ReplicationGroupDescription'],
    [
      'blank',
      'CreateReplicationGroup',
      'ReplicationGroupDescription=d&ReplicationGroupId=%20',
      'ReplicationGroupId',
    ],
    ['an empty list', 'RemoveTagsFromResource', 'ResourceName=a&TagKeys=', 'TagKeys'],
    ['absent inside a list', 'DescribeUsers', 'Filters.member.1.Name=a', 'Filters.member.1.Values'],
  ] as const) {
    it(`that are ${title} are refused by name`, () => {
      refused(
        () => decode(action, form),
        'InvalidParameterValue',
        `The parameter ${name} must be provided and must not be blank.`,
      );
    });
  }

  it('are needed by no Describe action without a subject', () => {
    assert.deepEqual(
      decode('DescribeReplicationGroups', 'Action=DescribeReplicationGroups&Version=2015-02-02'),
      {},
    );
  });
});

describe('a form', () => {
  it('is read with plus signs, percent-encoded UTF-8, bare names and empty parts', () => {
    const read = parseForm('a=b+c&&d=%C3%A9%F0%9F%98%80&e&f=1=2&=g&');
    assert.deepEqual(read, [
      ['a', 'b c'],
      ['d', 'é😀'],
      ['e', ''],
      ['f', '1=2'],
      ['', 'g'],
    ]);
  });

  for (const text of ['a=%', 'a=%zz', 'a=%C3', 'a=%C3%28', 'a=%ED%A0%80', '%FF=a']) {
    it(`is refused when it cannot be decoded: ${text}`, () => {
      refused(() => parseForm(text), 'MalformedQueryString', /invalid percent-encoding or UTF-8/);
    });
  }

  it('of 100,000 parameters is refused', () => {
    const text = Array.from({ length: 100_000 }, (_, i) => `a${i}=1`).join('&');
    refused(() => parseForm(text), 'MalformedQueryString', /more than 10000 parameters/);
  });
});

describe('what the SDK’s schemas do not hold', () => {
  it('lists every input member whose values the SDK’s types enumerate', () => {
    for (const [structure, member, values] of enumeratedMembers()) {
      assert.deepEqual(enumValues(structure, member), values, `${structure}.${member}`);
    }
  });

  it('lists no input member whose values are free', () => {
    const enumerated = new Set(
      [...enumeratedMembers()].map(([structure, member]) => `${structure}.${member}`),
    );
    for (const [structure, member] of inputMembers()) {
      const isEnumerated = enumValues(structure, member) !== undefined;
      assert.equal(isEnumerated, enumerated.has(`${structure}.${member}`), `${structure}.${member}`);
    }
  });

  it('takes all numbers of inputs for integers, and the SDK documents none as a double', () => {
    const doubles = new Set(['FixedPrice', 'UsagePrice', 'RecurringChargeAmount', 'ProgressPercentage']);
    for (const [structure, member] of inputMembers())
      assert.ok(!doubles.has(member), `${structure}.${member}`);
  });
});

const declarations = readFileSync(
  new URL(import.meta.resolve('@aws-sdk/client-elasticache')).pathname.replace(
    /dist-.*$/,
    'dist-types/models/models_0.d.ts',
  ),
  'utf8',
);

/** Structure, member and allowed values, read from the SDK's own type declarations. */
function* enumeratedMembers(): Generator<[structure: string, member: string, values: readonly string[]]> {
  for (const [structure, member] of inputMembers()) {
    const body = new RegExp(`interface ${structure} \\{([\\s\\S]*?)\\n\\}`).exec(declarations)?.[1] ?? '';
    const type = new RegExp(`^\\s+${member}\\??: (\\w+)`, 'm').exec(body)?.[1] ?? '';
    const values: unknown = Reflect.get(sdk, type);
    if (values && typeof values === 'object') yield [structure, member, Object.values(values) as string[]];
  }
}

function* inputMembers(): Generator<[structure: string, member: string]> {
  const seen = new Set<string>();
  const open: NormalizedSchema[] = actionNames.map(inputSchema);
  for (let schema = open.pop(); schema; schema = open.pop()) {
    if (schema.isListSchema()) open.push(schema.getValueSchema());
    if (!schema.isStructSchema() || seen.has(schema.getName() ?? '')) continue;
    seen.add(schema.getName() ?? '');
    for (const [name, member] of schema.structIterator()) {
      open.push(member);
      yield [schema.getName() ?? '', name];
    }
  }
}
