import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findPorts } from '../../src/cli/doctor/ports.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { scratchFolder } from '../engine-store/support.ts';
import { runLimber } from '../support/command.ts';
import { startLimber } from '../support/limber.ts';
import { claimScratch } from '../support/scratch.ts';

interface Finding {
  readonly state: string;
  readonly subject: string;
  readonly text: string;
  readonly advice?: string;
}

async function doctor(dataDirectory: string, args: string[] = [], env: Record<string, string> = {}) {
  const { code, stdout } = await runLimber(['doctor', '--json', '--data', dataDirectory, ...args], { env });
  const findings = JSON.parse(stdout) as Finding[];
  return { code, findings, of: (subject: string) => findings.find((one) => one.subject === subject)! };
}

describe('limber doctor', () => {
  it('asks the package sources for newer patches when told to', async () => {
    const { engine } = await createEngineStore().resolve({ engine: 'redis', version: '7.0' });
    const engines = scratchFolder();
    const copy = join(engines, 'redis@7.0.15');
    mkdirSync(copy);
    symlinkSync(join(engine.directory, 'files'), join(copy, 'files'));
    const manifest = readFileSync(join(engine.directory, 'engine.json'), 'utf8');
    writeFileSync(join(copy, 'engine.json'), manifest.replaceAll(/7\.0\.15-1~deb12u\d+/g, '7.0.11-1'));
    const { of } = await doctor(join(engines, 'data'), ['--packages', '--port', '0'], {
      LIMBER_ENGINES: engines,
    });
    const found = of('packages');
    assert.match(found.text, /^newer than what redis 7\.0\.\d+ runs with: redis-server 5:7\.0\.\d+/);
    assert.match(found.advice ?? '', /limber engines install redis@7\.0/);
  });

  it('says of each thing whether it is as it should be, and what to do where it is not', async (t) => {
    const scratch = await claimScratch();
    t.after(() => scratch.release());
    const args = ['doctor', '--data', scratch.dataDirectory, '--port', '0'];
    const { code, stdout } = await runLimber(args);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ok +node +v24/m);
    assert.match(stdout, /^ok +data directory \S+ \(to be made\), \d+ MiB free$/m);
    assert.match(stdout, /(All is well|Limber works, see above)\.\n$/);
    const { findings } = await doctor(scratch.dataDirectory, ['--port', '0']);
    for (const { state, advice } of findings) assert.equal(advice === undefined, state === 'ok');
  });

  it('knows its own Limber from a stranger on the port', async (t) => {
    const limber = await startLimber(t);
    const own = await doctor(limber.dataDirectory);
    assert.deepEqual(own.of('API port'), {
      state: 'ok',
      subject: 'API port',
      text: `Limber serves on 127.0.0.1:${limber.port} (pid ${limber.pid})`,
    });
    const scratch = await claimScratch();
    t.after(() => scratch.release());
    const other = await doctor(scratch.dataDirectory, ['--port', String(limber.port)]);
    assert.equal(other.code, 1);
    assert.equal(other.of('API port').state, 'fail');
    assert.match(other.of('API port').text, new RegExp(`held by another Limber \\(pid ${limber.pid},`));
  });

  it('finds a listener on all addresses that takes the port from every cache', async (t) => {
    // A port that no cache uses: on the real ones this would take them from tests that run beside us.
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    t.after(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const presence = { kind: 'stopped', record: null } as const;
    const examined = { dataDirectory: '/nowhere', presence, port: 0, pool: '127.100.48.0/20' };
    const findings = await findPorts(examined, [port]);
    const { state, text } = findings.find(({ subject }) => subject === 'cache ports')!;
    assert.equal(state, 'warn');
    assert.match(text, new RegExp(`0\\.0\\.0\\.0:${port} is held by process ${process.pid}`));
  });

  it('fails for a data directory that cannot be used, and for an engine path that names none', async () => {
    const { code, of } = await doctor('/dev/null/here', [], { LIMBER_ENGINE_PATH_VALKEY: '/nowhere' });
    assert.equal(code, 1);
    assert.equal(of('data directory').state, 'fail');
    assert.match(of('engines').text, /LIMBER_ENGINE_PATH_VALKEY names \/nowhere/);
  });
});
