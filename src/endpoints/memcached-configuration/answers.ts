/**
 * The answers of auto discovery, byte for byte (AWS page AutoDiscovery.AddingToYourClientLibrary; the binary
 * form as AWS's Java cluster client reads it: 4 bytes of flags, then the same data).
 *
 * What AWS's clients do: on connection to the configuration endpoint, and later every 60 s to it or to the nodes,
 * they send `config get cluster`. A stock Memcached node answers `ERROR`; the clients take that for an engine
 * before 1.4.14 and ask again with `get AmazonElastiCache:cluster`, which the key kept on every node answers.
 * In the form `key` the endpoint tells them so from the beginning: by `END`, as if there were no such configuration (Java,
 * libmemcached and with it PHP go on to the key then, and stay with it), or by its version, for those who ask that first
 * (.NET, Ruby, Python).
 */
import type { EndpointConfiguration } from './configuration.ts';
import { orderedNodes } from './configuration.ts';

/** Under this key clients of before 1.4.14 find the list, on the endpoint and on every node. */
export const discoveryKey = 'AmazonElastiCache:cluster';

/** ElastiCache's first. Its clients use the key before 1.4.14. */
const oldVersion = '1.4.5';

/** A request that the endpoint answers itself. */
export type LocalAsk =
  | { readonly kind: 'config-get'; readonly key: string }
  | { readonly kind: 'old-get'; readonly withCas: boolean }
  | { readonly kind: 'config-write' }
  | { readonly kind: 'config-unknown' }
  /** In the form `key` only. */
  | { readonly kind: 'version' | 'stats' }
  | { readonly kind: 'binary-config-get'; readonly key: string; readonly opaque: Buffer }
  | { readonly kind: 'binary-config-write'; readonly opcode: number; readonly opaque: Buffer };

/** `<version>\n<host|ip|port> …\n`: the data of every form. */
export function discoveryData(configuration: EndpointConfiguration): Buffer {
  const nodes = orderedNodes(configuration.nodes).map((node) => `${node.host}|${node.ip}|${node.port}`);
  return Buffer.from(`${configuration.version}\n${nodes.join(' ')}\n`, 'latin1');
}

/** The whole answer to one request. */
export function answer(ask: LocalAsk, configuration: EndpointConfiguration): Buffer {
  switch (ask.kind) {
    case 'config-get':
      if (ask.key !== 'cluster' || configuration.form === 'key') return text('END\r\n');
      return framed('CONFIG cluster 0', discoveryData(configuration), '');
    case 'old-get':
      // The list's version stands in for the item's CAS number: it changes exactly when the value does.
      return framed(
        `VALUE ${discoveryKey} 0`,
        discoveryData(configuration),
        ask.withCas ? ` ${configuration.version}` : '',
      );
    case 'config-write':
      return text('CLIENT_ERROR config set and config delete are reserved for the service\r\n');
    case 'config-unknown':
      return text('ERROR\r\n');
    case 'version':
      return text(`VERSION ${oldVersion}\r\n`);
    case 'stats':
      return text(`STAT version ${oldVersion}\r\nEND\r\n`);
    case 'binary-config-get':
      if (ask.key !== 'cluster' || configuration.form === 'key')
        return binary(0x60, 0x0001, ask.opaque, text('Not found'));
      return binary(0x60, 0, ask.opaque, Buffer.concat([Buffer.alloc(4), discoveryData(configuration)]), 4);
    case 'binary-config-write':
      return binary(ask.opcode, 0x0081, ask.opaque, text('Reserved for the service'));
    default:
      return ask satisfies never;
  }
}

/** What a client gets when no node can be reached; the connection is closed after it, as Memcached does. */
export function unreachable(protocol: 'text' | 'binary'): Buffer {
  const sentence = 'no cache node of this cluster can be reached';
  if (protocol === 'text') return text(`SERVER_ERROR ${sentence}\r\n`);
  return binary(0, 0x0084, Buffer.alloc(4), text(sentence));
}

function framed(head: string, data: Buffer, tail: string): Buffer {
  return Buffer.concat([text(`${head} ${data.length}${tail}\r\n`), data, text('\r\nEND\r\n')]);
}

/** A response packet: 24 bytes of header, `extrasLength` bytes of extras within `body`. */
function binary(opcode: number, status: number, opaque: Buffer, body: Buffer, extrasLength = 0): Buffer {
  const header = Buffer.alloc(24);
  header[0] = 0x81;
  header[1] = opcode;
  header[4] = extrasLength;
  header.writeUInt16BE(status, 6);
  header.writeUInt32BE(body.length, 8);
  opaque.copy(header, 12, 0, 4);
  return Buffer.concat([header, body]);
}

function text(line: string): Buffer {
  return Buffer.from(line, 'latin1');
}
