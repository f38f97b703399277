import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keysOfLines, keysOfStanzas, withoutCredentials } from '../../src/engine-store/apt-sources.ts';
import { foreignLibraries } from '../../src/engine-store/install-package.ts';
import { parseRecords } from '../../src/engine-store/package-closure.ts';
import { parseServerVersion } from '../../src/engine-store/programs.ts';

describe('the sources of apt', () => {
  it('gives the keyring of each archive in the notation of stanzas', () => {
    const text = `# first\nTypes: deb\nURIs: http://one.test/debian http://two.test/debian\nSuites: bookworm
# between\nSigned-By: /keys/a.gpg\n\nTypes: deb\nURIs: http://three.test/debian\nSuites: x\n`;
    assert.deepEqual(keysOfStanzas(text), [
      ['http://one.test/debian', '/keys/a.gpg'],
      ['http://two.test/debian', '/keys/a.gpg'],
    ]);
  });

  it('keeps a key that stands in the stanza itself, line by line', () => {
    const text = `URIs: http://one.test/debian\nSigned-By:\n -----BEGIN PGP\n .\n abc\n -----END PGP\nSuites: sid\n`;
    assert.deepEqual(keysOfStanzas(text), [
      ['http://one.test/debian', '\n -----BEGIN PGP\n .\n abc\n -----END PGP'],
    ]);
  });

  it('gives the keyring of each archive in the one-line notation', () => {
    const text = `deb http://none.test/debian sid main
# deb [signed-by=/keys/off.gpg] http://off.test/debian sid main
deb [arch=amd64 signed-by=/keys/a.gpg,/keys/b.gpg] http://one.test/debian sid main`;
    assert.deepEqual(keysOfLines(text), [['http://one.test/debian', '/keys/a.gpg /keys/b.gpg']]);
  });

  it('never shows the password of a mirror', () => {
    assert.equal(withoutCredentials('Err http://me:secret@one.test/debian'), 'Err http://one.test/debian');
  });
});

describe('the dependencies of a package', () => {
  it('are read with their alternatives, without versions and architectures', () => {
    const text = `Package: valkey-tools\nVersion: 9.1.2-1\nSection: database\nPre-Depends: libc6 (>= 2.38)
Depends: systemd | systemd-sysusers, libssl3t64 (>= 3), perl:any\n\n`;
    assert.deepEqual(parseRecords(text), [
      {
        name: 'valkey-tools',
        version: '9.1.2-1',
        section: 'database',
        depends: [['libc6'], ['systemd', 'systemd-sysusers'], ['libssl3t64'], ['perl']],
      },
    ]);
  });
});

describe('the proof that an engine runs by itself', () => {
  it('finds libraries that come from outside its folder, or from nowhere', () => {
    const listing = `\tlinux-vdso.so.1 (0x7ffe)
\tlibssl.so.3 => /store/valkey/lib/libssl.so.3 (0x7f01)
\tlibz.so.1 => /lib/libz.so.1 (0x7f02)
\tliblua.so => not found
\t/store/valkey/lib/ld-linux.so.2 (0x7f03)`;
    const foreign = foreignLibraries(listing, '/store/valkey').map((line) => line.split(' ')[0]);
    assert.deepEqual(foreign, ['libz.so.1', 'liblua.so']);
  });

  it('reads engine and version from what a server says of itself', () => {
    const said = [
      'Valkey server v=9.1.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1',
      'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=2',
      'memcached 1.6.38\n',
      'Segmentation fault',
    ];
    assert.deepEqual(said.map(parseServerVersion), [
      { engine: 'valkey', version: '9.1.2' },
      { engine: 'redis', version: '7.0.15' },
      { engine: 'memcached', version: '1.6.38' },
      null,
    ]);
  });
});
