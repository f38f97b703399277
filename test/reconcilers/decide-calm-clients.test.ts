/** Clients that keep a copy which is needed from answering, or from being spoken to. */
import { describe, it } from 'node:test';
import { calmClients, decides } from './decisions.ts';
import { primaryAt, replicaAt, silentAt, viewOf } from './shard-views.ts';

describe('clients are calmed', () => {
  const toSecond = { target: 2 } as const;

  it('where nobody can be promoted since the only synced copy does not answer; a script that it runs is ended', () => {
    decides(
      viewOf([silentAt(1, 'dead'), silentAt(2, 'unresponsive')]),
      [calmClients(2)],
      /orders-002 holds its data but .*nobody is promoted/,
    );
  });

  it('before a promotion, where they end connections in a loop', () => {
    const cut = { ...replicaAt(2, 1), isCut: true };
    decides(viewOf([silentAt(1, 'dead'), cut], toSecond), [calmClients(2)], /clients end the connections/);
    const both = viewOf([{ ...primaryAt(1), isCut: true }, cut], toSecond);
    decides(
      both,
      [calmClients(1), calmClients(2)],
      /clients end the connections to orders-001 and orders-002/,
    );
  });
});
