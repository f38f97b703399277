/** A state file in which a newer version of Limber has begun something: this one leaves that alone, and does the rest. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { DeleteReplicationGroupCommand } from '@aws-sdk/client-elasticache';
import { runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { createGroup, endpointsOf, groupDeleted } from './caches.ts';
import { valkey } from './engine-clients.ts';

describe('an operation of a newer version', () => {
  it('is left as it is and reported; its cache serves, others are made, and it can be deleted', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const group = await createGroup(client, { ReplicationGroupId: 'newer' });
    await limber.stop();
    const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'));
    database.exec(`
      INSERT INTO operation (id, version, account, region, kind, lock, input, state, status, attempts, sentence,
          created_at, updated_at)
        SELECT '0', 3, account, region, 'reshard', incarnation, '{"cacheId":"newer"}', '{"step":"moving"}',
          'running', 0, 'slots move', 1, 1 FROM resource WHERE id = 'newer';
      UPDATE resource SET status = 'modifying', version = version + 1 WHERE id = 'newer'`);
    database.close();
    await limber.restart();
    await eventually(async () => (await limber.status()).operations[0]?.activity === 'unknown');
    const said =
      /reshard of newer is left alone, and nothing else can be done with that cache but deleting it/;
    const words = ['--data', limber.dataDirectory];
    assert.match((await runLimber(['status', ...words])).stdout, said);
    assert.match((await runLimber(['doctor', ...words])).stdout, said);
    assert.match(limber.logs(), /an operation is left alone: this version of Limber does not know/);
    assert.equal(await valkey(t, endpointsOf(group).primary).ping(), 'PONG');
    await createGroup(client, { ReplicationGroupId: 'other' });
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'newer' }));
    await groupDeleted(client, 'newer');
    assert.deepEqual((await limber.status()).operations, []);
  });
});
