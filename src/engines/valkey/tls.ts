/** TLS of a node: its files, the directives that name them, and exchanging them while it runs. */
import type { EngineConnection } from './client.ts';
import type { Directive } from './directives.ts';

/** Absolute paths of PEM files. */
export interface TlsFiles {
  /** What the node shows to clients and to other nodes that connect to it. */
  readonly certificate: string;
  readonly key: string;
  /** The authorities of such certificates, and the link certificate. */
  readonly trust: string;
  /** What the node shows when it connects to another one: the engines let only who shows it onto the bus. */
  readonly linkCertificate: string;
  readonly linkKey: string;
}

export function tlsDirectives(files: TlsFiles): Directive[] {
  return [
    ...certificateDirectives(files),
    ['tls-ca-cert-file', files.trust],
    ['tls-client-cert-file', files.linkCertificate],
    ['tls-client-key-file', files.linkKey],
    // Clients have passwords. On the bus, where there are none, a certificate is always asked for.
    ['tls-auth-clients', 'no'],
    ['tls-replication', 'yes'],
    ['tls-cluster', 'yes'],
    ['tls-protocols', 'TLSv1.2 TLSv1.3'],
    // Of TLS 1.2 only what has forward secrecy and encrypts and authenticates in one.
    ['tls-ciphers', 'ECDHE+AESGCM:ECDHE+CHACHA20'],
    ['tls-prefer-server-ciphers', 'yes'],
  ];
}

const certificateDirectives = ({ certificate, key }: Pick<TlsFiles, 'certificate' | 'key'>): Directive[] => [
  ['tls-cert-file', certificate],
  ['tls-key-file', key],
];

/** Which files the process has loaded. */
export async function loadedTlsFiles(
  connection: EngineConnection,
): Promise<Pick<TlsFiles, 'certificate' | 'key' | 'trust'>> {
  const reply = (await connection.call('CONFIG', 'GET', 'tls-*-file')) as string[];
  const values = new Map<string, string>();
  for (let at = 0; at < reply.length; at += 2) values.set(reply[at]!, reply[at + 1] ?? '');
  const of = (name: string) => values.get(name) ?? '';
  return { certificate: of('tls-cert-file'), key: of('tls-key-file'), trust: of('tls-ca-cert-file') };
}

/** New connections are accepted by this certificate from now on; open ones stay. Throws when the engine cannot use it, and keeps what it has. */
export async function loadCertificate(
  connection: EngineConnection,
  files: Pick<TlsFiles, 'certificate' | 'key'>,
): Promise<void> {
  await connection.call('CONFIG', 'SET', ...certificateDirectives(files).flat());
}

/** Which certificates of other nodes are good from now on; open links stay. */
export async function loadTrust(connection: EngineConnection, trust: string): Promise<void> {
  await connection.call('CONFIG', 'SET', 'tls-ca-cert-file', trust);
}
