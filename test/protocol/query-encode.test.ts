import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeError, encodeOutput } from '../../src/protocol/query/index.ts';

const xmlns = 'xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"';
const metadata = '<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>';

describe('an answer', () => {
  it('has the action’s result in an envelope with the request id', () => {
    const xml = encodeOutput('ModifyCacheParameterGroup', { CacheParameterGroupName: 'mine' }, 'r-1');
    assert.equal(
      xml,
      `<ModifyCacheParameterGroupResponse ${xmlns}><ModifyCacheParameterGroupResult><CacheParameterGroupName>mine</CacheParameterGroupName></ModifyCacheParameterGroupResult>${metadata}</ModifyCacheParameterGroupResponse>`,
    );
  });

  for (const action of [
    'DeleteCacheParameterGroup',
    'DeleteCacheSubnetGroup',
    'DeleteCacheSecurityGroup',
  ] as const) {
    it(`of ${action} has no result element`, () => {
      assert.equal(
        encodeOutput(action, {}, 'r-1'),
        `<${action}Response ${xmlns}>${metadata}</${action}Response>`,
      );
    });
  }

  it('leaves out what is undefined and keeps empty lists, empty text, false and zero', () => {
    const xml = encodeOutput(
      'DescribeReplicationGroups',
      {
        Marker: undefined,
        ReplicationGroups: [
          { Description: '', MemberClusters: [], ClusterEnabled: false, SnapshotRetentionLimit: 0 },
        ],
      },
      'r-1',
    );
    assert.match(
      xml,
      /Result><ReplicationGroups><ReplicationGroup><Description><\/Description><MemberClusters><\/MemberClusters><SnapshotRetentionLimit>0<\/SnapshotRetentionLimit><ClusterEnabled>false<\/ClusterEnabled><\/ReplicationGroup>/,
    );
  });

  it('names list elements as the model does', () => {
    const tagged = encodeOutput('ListTagsForResource', { TagList: [{ Key: 'a', Value: '1' }] }, 'r-1');
    assert.match(tagged, /<TagList><Tag><Key>a<\/Key><Value>1<\/Value><\/Tag><\/TagList>/);
    const untagged = encodeOutput('CreateUserGroup', { UserIds: ['a', 'b'] }, 'r-1');
    assert.match(untagged, /<UserIds><member>a<\/member><member>b<\/member><\/UserIds>/);
  });

  it('has times in UTC with milliseconds', () => {
    const at = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 60));
    assert.match(
      encodeOutput('DescribeEvents', { Events: [{ Date: at }] }, 'r-1'),
      /<Date>2026-01-02T03:04:05\.060Z</,
    );
  });

  it('escapes markup and carriage returns', () => {
    const xml = encodeOutput('DescribeEvents', { Events: [{ Message: '<a & "b">\r\n' }] }, 'r-1');
    assert.match(xml, /<Message>&lt;a &amp; &quot;b&quot;&gt;&#xD;\n<\/Message>/);
  });

  it('replaces characters that XML 1.0 cannot hold', () => {
    const xml = encodeOutput(
      'DescribeEvents',
      { Events: [{ Message: 'a\u0000b\u001bc\ud800d\uffffe😀\t' }] },
      'r-1',
    );
    assert.match(xml, /<Message>a\ufffdb\ufffdc\ufffdd\ufffde😀\t<\/Message>/);
  });

  it('is never made from a number that is none', () => {
    const output = { ReplicationGroups: [{ SnapshotRetentionLimit: Number.NaN }] };
    assert.throws(
      () => encodeOutput('DescribeReplicationGroups', output, 'r-1'),
      /SnapshotRetentionLimit must be a finite number, but is NaN/,
    );
  });
});

describe('an error', () => {
  it('says whose fault it is, code, message and request id', () => {
    const xml = encodeError(
      { code: 'InvalidParameterValue', fault: 'Sender', message: 'bad <x> & "y"' },
      'r-1',
    );
    assert.equal(
      xml,
      `<ErrorResponse ${xmlns}><Error><Type>Sender</Type><Code>InvalidParameterValue</Code><Message>bad &lt;x&gt; &amp; &quot;y&quot;</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`,
    );
  });
});
