import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, it } from 'node:test';
import { probeAddress } from '../../src/endpoints/port-probe.ts';

describe('probing an address and port', () => {
  it('says free, quickly, and binds nothing for longer than the question', async () => {
    const addresses = Array.from({ length: 100 }, (_, index) => `127.100.213.${index + 1}`);
    const from = performance.now();
    const answers = await Promise.all(addresses.map((address) => probeAddress(address, 26379)));
    const eachMs = (performance.now() - from) / addresses.length;
    assert.deepEqual(new Set(answers), new Set(['free']));
    assert.ok(eachMs < 5, `${eachMs} ms each`);
    assert.equal(await probeAddress(addresses[0]!, 26379), 'free');
  });

  it('names the process that holds it, also by a listener on all addresses', async () => {
    for (const host of ['127.100.213.7', '0.0.0.0', '::']) {
      const server = createServer();
      const port = await listen(server, host);
      if (port === null) continue; // no IPv6 here
      const shown = host === '::' ? '\\[::\\]' : host;
      const answer = await probeAddress('127.100.213.7', port);
      assert.ok(typeof answer === 'object' && 'inUse' in answer, JSON.stringify(answer));
      assert.match(answer.inUse, new RegExp(`^${shown}:${port} is held by process ${process.pid} \\(.+\\)$`));
      await new Promise((resolve) => server.close(resolve));
      assert.equal(await probeAddress('127.100.213.7', port), 'free');
    }
  });

  it('tells what cannot be bound at all from what is taken', async () => {
    assert.deepEqual(await probeAddress('203.0.113.9', 6379), {
      unusable: '203.0.113.9:6379 cannot be bound: it is not an address of this machine',
    });
  });
});

function listen(server: Server, host: string): Promise<number | null> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen({ host, port: 0 }, () => resolve((server.address() as AddressInfo).port));
  });
}
