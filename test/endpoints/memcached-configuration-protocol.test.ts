import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer, discoveryData } from '../../src/endpoints/memcached-configuration/answers.ts';
import {
  createBinaryReplies,
  createBinaryRequests,
} from '../../src/endpoints/memcached-configuration/binary-frames.ts';
import {
  type EndpointConfiguration,
  parseConfiguration,
} from '../../src/endpoints/memcached-configuration/configuration.ts';
import type {
  ByteStream,
  ReplyPiece,
  RequestPiece,
} from '../../src/endpoints/memcached-configuration/streams.ts';
import { createTextReplies } from '../../src/endpoints/memcached-configuration/text-replies.ts';
import { createTextRequests } from '../../src/endpoints/memcached-configuration/text-requests.ts';

/** The developer guide's own example: 136 bytes. */
const guide: EndpointConfiguration = {
  address: '127.104.0.1',
  port: 11211,
  version: 12,
  nodes: [
    { host: 'myCluster.pc4ldq.0002.use1.cache.amazonaws.com', ip: '10.80.249.27', port: 11211 },
    { host: 'myCluster.pc4ldq.0001.use1.cache.amazonaws.com', ip: '10.82.235.120', port: 11211 },
  ],
  form: 'config',
  keyRefreshMs: 10_000,
};
const guideNodes =
  'myCluster.pc4ldq.0001.use1.cache.amazonaws.com|10.82.235.120|11211 myCluster.pc4ldq.0002.use1.cache.amazonaws.com|10.80.249.27|11211';

describe('the answers of auto discovery', () => {
  const text = (ask: Parameters<typeof answer>[0], configuration = guide) =>
    answer(ask, configuration).toString('latin1');

  it("are the developer guide's example byte for byte, hosts in order", () => {
    const expected = `CONFIG cluster 0 136\r\n12\n${guideNodes}\n\r\nEND\r\n`;
    assert.equal(text({ kind: 'config-get', key: 'cluster' }), expected);
  });

  it('carry the same data under the key of before 1.4.14, with a CAS number for gets', () => {
    const body = `12\n${guideNodes}\n\r\nEND\r\n`;
    assert.equal(
      text({ kind: 'old-get', withCas: false }),
      `VALUE AmazonElastiCache:cluster 0 136\r\n${body}`,
    );
    assert.equal(
      text({ kind: 'old-get', withCas: true }),
      `VALUE AmazonElastiCache:cluster 0 136 12\r\n${body}`,
    );
  });

  it('print nothing between the bars for a node without address, and an empty line for no nodes', () => {
    const bare = { ...guide, version: 1, nodes: [{ host: 'a.example', ip: '', port: 11212 }] };
    assert.equal(discoveryData(bare).toString(), '1\na.example||11212\n');
    assert.equal(
      text({ kind: 'config-get', key: 'cluster' }, { ...guide, nodes: [] }),
      'CONFIG cluster 0 4\r\n12\n\n\r\nEND\r\n',
    );
  });

  it('are empty for another key, a refusal for a write, ERROR for what config does not know', () => {
    assert.equal(text({ kind: 'config-get', key: 'other' }), 'END\r\n');
    assert.match(text({ kind: 'config-write' }), /^CLIENT_ERROR [^\r\n]+\r\n$/);
    assert.equal(text({ kind: 'config-unknown' }), 'ERROR\r\n');
  });

  it('carry flags and data in the binary form, with the opaque value of the request', () => {
    const packet = answer({ kind: 'binary-config-get', key: 'cluster', opaque: Buffer.from('abcd') }, guide);
    assert.equal(packet.subarray(0, 24).toString('hex'), `81600000040000000000008c61626364${'00'.repeat(8)}`);
    assert.equal(packet.subarray(28).toString(), `12\n${guideNodes}\n`);
  });
});

/** What came out, as text, with what touches joined: independent of how the input was split. */
function shown(pieces: readonly (RequestPiece | ReplyPiece)[]): string[] {
  const out: string[] = [];
  let open = false;
  for (const piece of pieces) {
    if (piece.kind === 'forward') {
      const bytes = piece.bytes.toString('latin1');
      if (open) out[out.length - 1] += bytes;
      else out.push(bytes);
    } else if (piece.kind === 'local') {
      out.push(`<${piece.ask.kind}>`);
    } else {
      out.push(
        'bytes' in piece ? `<${piece.kind} ${piece.bytes.toString('latin1').trim()}>` : `<${piece.kind}>`,
      );
    }
    open = piece.kind === 'forward';
  }
  return out;
}

/** The result of the input in one chunk, which must be that of every split into two, and of single bytes. */
function everySplit<Piece extends RequestPiece | ReplyPiece>(
  make: () => ByteStream<Piece>,
  input: Buffer,
): string[] {
  const whole = shown(make().push(input));
  for (let at = 0; at <= input.length; at += 1) {
    const stream = make();
    assert.deepEqual(
      shown([...stream.push(input.subarray(0, at)), ...stream.push(input.subarray(at))]),
      whole,
    );
  }
  const stream = make();
  assert.deepEqual(shown([...input].flatMap((byte) => stream.push(Buffer.from([byte])))), whole);
  return whole;
}

const requests = (text: string) =>
  everySplit(() => createTextRequests('config'), Buffer.from(text, 'latin1'));
const replies = (text: string) => everySplit(createTextReplies, Buffer.from(text, 'latin1'));

describe('requests in the text protocol', () => {
  it('go to a node but for discovery, however the packets are split', () => {
    assert.deepEqual(requests('get a\r\nconfig get cluster\r\nget AmazonElastiCache:cluster\nmn\r\n'), [
      'get a\r\n',
      '<config-get>',
      '<old-get>',
      'mn\r\n',
    ]);
  });

  it('keep a value that reads like a command as a value', () => {
    const value = 'config get cluster\r\n';
    for (const head of [
      'set k 0 0 20',
      'append k 0 0 20 noreply',
      'cas k 0 0 20 7',
      'ms k 20 T0',
      'set  k  1  2  20',
    ]) {
      const stream = `${head}\r\n${value}\r\n`;
      assert.deepEqual(requests(`${stream}config get cluster\r\n`), [stream, '<config-get>']);
    }
  });

  it('keep the value of a storage command that the node will refuse as a value', () => {
    const key = 'k'.repeat(251);
    const stream = `set ${key} 0 0 20\r\nconfig get cluster\r\n\r\n`;
    assert.deepEqual(requests(`${stream}config get cluster\r\n`), [stream, '<config-get>']);
  });

  it('find the next command after a storage command without a length', () => {
    assert.deepEqual(requests('set k 0 0\r\nset k 0 0 -1\r\nset k 0 0 x\r\nconfig get cluster\r\n'), [
      'set k 0 0\r\nset k 0 0 -1\r\nset k 0 0 x\r\n',
      '<config-get>',
    ]);
  });

  it('leave the discovery key among other keys to the node, which holds it too', () => {
    const line = 'get a AmazonElastiCache:cluster\r\n';
    assert.deepEqual(requests(line), [line]);
  });

  it('refuse config set with its value, config delete, and what is no config command', () => {
    assert.deepEqual(
      requests('config set cluster 0 6\r\nquit\r\n\r\nconfig delete cluster\r\nconfig\r\nget a\r\n'),
      ['<config-write>', '<config-write>', '<config-unknown>', 'get a\r\n'],
    );
  });

  it("count the client's own version requests, whose replies look like a marker's", () => {
    assert.deepEqual(requests('version\r\nversions\r\nquit\r\n'), [
      '<forward-marker version>',
      'versions\r\n',
      '<quit quit>',
    ]);
  });

  it('are cut when a line has no end, as Memcached does, but for a multi-get', () => {
    const stream = createTextRequests('config');
    const junk = Buffer.from('x'.repeat(2_049));
    assert.deepEqual(shown(stream.push(junk)), ['<cut>']);
    assert.deepEqual(shown(stream.push(Buffer.from('\r\nget a\r\n'))), []);
    const line = `get ${'key '.repeat(5_000)}\r\n`;
    const long = createTextRequests('config');
    const pieces = Buffer.from(`${line}config get cluster\r\n`);
    assert.deepEqual(shown([...long.push(pieces.subarray(0, 3_000)), ...long.push(pieces.subarray(3_000))]), [
      line,
      '<config-get>',
    ]);
  });

  it('are cut when a multi-get never ends', () => {
    const stream = createTextRequests('config');
    const pieces = [Buffer.from('get '), ...Array.from({ length: 20 }, () => Buffer.alloc(65_536, 0x61))];
    assert.equal(shown(pieces.flatMap((chunk) => stream.push(chunk))).at(-1), '<cut>');
  });
});

describe('replies in the text protocol', () => {
  it('show markers, and nothing inside a value is one', () => {
    const value = 'VALUE k 0 25 9\r\nVERSION 1.6.45\r\nVERSION 1\r\nEND\r\n';
    assert.deepEqual(replies(`${value}VERSION 1.6.45\r\nSTORED\r\n`), [
      value,
      '<marker VERSION 1.6.45>',
      'STORED\r\n',
    ]);
  });

  it('take the length of a meta value from its own head', () => {
    const value = 'VA 9 f0 kkey\r\nVERSION x\r\nHD\r\n';
    assert.deepEqual(replies(`${value}VERSION 1\r\n`), [value, '<marker VERSION 1>']);
  });

  it('take no statistic, error or empty line for the head of a value', () => {
    const lines = 'STAT version 1.6.45\r\nCLIENT_ERROR bad command line format\r\n\r\nVALUEX 3\r\n';
    assert.deepEqual(replies(`${lines}VERSION 1\r\n`), [lines, '<marker VERSION 1>']);
  });
});

describe('the binary protocol', () => {
  const packet = (magic: number, opcode: number, key: string, value = '') => {
    const header = Buffer.alloc(24);
    header[0] = magic;
    header[1] = opcode;
    header.writeUInt16BE(key.length, 2);
    header.writeUInt32BE(key.length + value.length, 8);
    return Buffer.concat([header, Buffer.from(key + value, 'latin1')]);
  };

  it('has config get answered here, and its no-ops counted', () => {
    const set = packet(0x80, 0x01, 'k', 'x'.repeat(60));
    const stream = Buffer.concat([set, packet(0x80, 0x60, 'cluster'), packet(0x80, 0x0a, ''), set]);
    const out = everySplit(createBinaryRequests, stream);
    const bytes = set.toString('latin1');
    assert.deepEqual(
      [out[0], out[1], out[2]?.slice(0, 15), out[3]],
      [bytes, '<binary-config-get>', '<forward-marker', bytes],
    );
  });

  it('looks at no packet inside the body of another', () => {
    const stream = packet(0x80, 0x01, 'k', packet(0x80, 0x60, 'cluster').toString('latin1'));
    assert.deepEqual(everySplit(createBinaryRequests, stream), [stream.toString('latin1')]);
  });

  it('passes everything on once the framing is lost', () => {
    const stream = Buffer.concat([
      packet(0x80, 0x00, 'k'),
      Buffer.from('junk'),
      packet(0x80, 0x60, 'cluster'),
    ]);
    assert.deepEqual(everySplit(createBinaryRequests, stream), [stream.toString('latin1')]);
  });

  it('shows the replies to no-ops', () => {
    const value = packet(0x81, 0x00, '', packet(0x81, 0x0a, '').toString('latin1'));
    const out = everySplit(createBinaryReplies, Buffer.concat([value, packet(0x81, 0x0a, '')]));
    assert.deepEqual([out.length, out[0], out[1]?.slice(0, 7)], [2, value.toString('latin1'), '<marker']);
  });
});

describe('a state file', () => {
  it('is read, with ten seconds between looks at the keys by default', () => {
    const { keyRefreshMs, ...rest } = guide;
    assert.deepEqual(parseConfiguration(JSON.stringify(rest)), { ...guide, keyRefreshMs });
  });

  it('is refused with the name of the field that is wrong', () => {
    const wrong = (change: object) => () => parseConfiguration(JSON.stringify({ ...guide, ...change }));
    assert.throws(wrong({ port: 0 }), /^Error: port: /);
    assert.throws(wrong({ version: 1.5 }), /version/);
    assert.throws(wrong({ address: 'localhost' }), /address/);
    assert.throws(wrong({ nodes: [{ host: 'a|b', ip: '', port: 1 }] }), /nodes\[0\]\.host/);
    assert.throws(() => parseConfiguration('{"address":'), SyntaxError);
  });
});
