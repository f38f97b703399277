/** A node is lost, and Limber dies before it is back: the events tell of one loss and of one recovery all the same. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { createGroup, messagesOf } from './caches.ts';
import { kill, type Node, wholeAgain } from './faults.ts';

const small = { AutomaticFailoverEnabled: false };

interface Case {
  readonly who: string;
  readonly fault: string;
  readonly nodes: number;
  victim(nodes: readonly Node[]): Node | undefined;
}

const cases: readonly Case[] = [
  {
    who: 'a replica that was about to be started',
    fault: 'start-node:prepared',
    nodes: 2,
    victim: (nodes) => nodes.find(({ role }) => role === 'replica'),
  },
  {
    who: 'a replica whose process runs again and is not in step yet',
    fault: 'start-node:ready',
    nodes: 2,
    victim: (nodes) => nodes.find(({ role }) => role === 'replica'),
  },
  {
    who: 'a node of its own that leads again',
    fault: 'bring-up:started',
    nodes: 1,
    victim: (nodes) => nodes[0],
  },
];

describe('the loss of a node that outlives Limber', () => {
  for (const { who, fault, nodes, victim } of cases)
    it(`is told once, and its end too: ${who}`, async (t) => {
      const limber = await startLimber(t);
      const client = limber.client();
      await createGroup(client, { ReplicationGroupId: 'orders', NumCacheClusters: nodes, ...small });
      const lost = victim(await wholeAgain(limber, 'orders'));
      assert.ok(lost);
      await limber.restart({ env: { LIMBER_FAULT_POINT: fault } });
      await wholeAgain(limber, 'orders');
      kill(lost);
      await limber.ended;
      await limber.restart();
      await wholeAgain(limber, 'orders');
      const told = () => messagesOf(client, lost.id);
      const finished = 'Finished recovery for cache nodes 0001';
      const messages = await eventually(async (see) => {
        const all = see(await told());
        return all.includes(finished) && all;
      });
      const count = (text: RegExp) => messages.filter((message) => text.test(message)).length;
      assert.deepEqual(
        [count(/ died: /), count(/^Recovering cache nodes/), count(/^Finished recovery/)],
        [1, 1, 1],
        messages.join('\n'),
      );
    });
});
