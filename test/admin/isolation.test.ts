import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { createIsolation } from '../../src/admin/isolation.ts';

const isRoot = process.geteuid?.() === 0;
const isolationModule = new URL('../../src/admin/isolation.ts', import.meta.url).href;

describe('isolation', () => {
  it('says which package is missing where there is no nft', {
    skip: !isRoot && 'asks for root first',
  }, async () => {
    const isolation = createIsolation({ program: 'nft-that-nobody-has' });
    await assert.rejects(isolation.requireUsable(), {
      code: 'InvalidParameterValue',
      message: /apt-get install nftables/,
    });
    assert.deepEqual(await isolation.list(), [], 'nothing is isolated then, and nothing needs to be healed');
  });

  it('says that it needs root where it may not change packet rules', (t) => {
    const script = `
      const { createIsolation } = await import(${JSON.stringify(isolationModule)});
      const isolation = createIsolation();
      console.log(JSON.stringify(await isolation.list()));
      await isolation.requireUsable().catch((error) => console.log(error.code, error.message));`;
    const node = [process.execPath, '--input-type=module', '-e', script];
    const drop = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    const [program = '', ...args] = isRoot ? [...drop, ...node] : node;
    const { stdout, error } = spawnSync(program, args, { encoding: 'utf8' });
    if (error) return t.skip('setpriv is missing, which would take the right away');
    assert.match(stdout, /^\[\]\nInvalidParameterValue .*Limber must run as root \(or with CAP_NET_ADMIN\)/);
  });
});
