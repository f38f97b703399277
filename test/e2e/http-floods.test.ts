/** Who has no key can keep nobody from being served, and what it took of Limber's memory comes back. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { DescribeEventsCommand } from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { residentMegabytes } from '../support/memory.ts';

const limber = await startLimber();
const restMegabytes = residentMegabytes(limber.pid);
const megabyte = Buffer.alloc(2 ** 20, 'a');

/** A request with the key's id, which is no secret, and a signature that nobody made. */
function claiming(): string {
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${limber.credentials.accessKeyId}/${date.slice(0, 8)}/us-east-1/elasticache/aws4_request`;
  return `X-Amz-Date: ${date}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}\r\n`;
}

const head = (more: string) => `POST / HTTP/1.1\r\nHost: x\r\n${more}`;
const unfinished = (more: string): Buffer[] => [
  Buffer.from(head(`${more}Content-Length: ${megabyte.length}\r\n\r\n`)),
  megabyte.subarray(1),
];

/** What each hostile connection sends, once it is open. */
const floods: readonly (readonly [title: string, connections: number, send: () => Buffer[]])[] = [
  ['260 bodies of 1 MB that nobody signed and that never end', 260, () => unfinished('')],
  ['260 such bodies that claim the key', 260, () => unfinished(claiming())],
  ['1,200 connections that say nothing', 1_200, () => []],
  ['1,200 heads that never end', 1_200, () => [Buffer.from(head('X-'))]],
  ['20,000 unsigned requests', 20, () => [Buffer.from(head('Content-Length: 0\r\n\r\n').repeat(1_000))]],
  ['50 MB of garbage', 50, () => [megabyte]],
];

describe('a signed client is served during', () => {
  for (const [title, connections, send] of floods) {
    it(title, async () => {
      const sockets = new Set<Socket>();
      const attack = () => {
        const socket = connect(limber.port, '127.0.0.1');
        sockets.add(socket);
        socket.on('error', () => {}).on('close', () => sockets.delete(socket));
        socket.resume();
        for (const bytes of send()) socket.write(bytes);
      };
      for (let index = 0; index < connections; index += 1) attack();
      for (let turn = 0; turn < 3; turn += 1) {
        // Each time on a new connection: it has to find a place among the hostile ones.
        await limber.client().send(new DescribeEventsCommand({}));
        for (let more = sockets.size; more < connections; more += 1) attack();
      }
      for (const socket of sockets) socket.destroy();
    });
  }

  after(() => assert.ok(residentMegabytes(limber.pid) - restMegabytes < 250));
});

it('what the floods took of memory is given back when they are over', async () => {
  await eventually((see) => see(residentMegabytes(limber.pid)) < restMegabytes + 60, { deadlineMs: 60_000 });
});
