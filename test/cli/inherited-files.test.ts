/** What the shell that starts Limber has open is none of the caches' affair: a lock would be held as long as they live. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import {
  CreateReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import { callAdmin, type LimberStatus } from '../../src/cli/admin-client.ts';
import { readStartRecord } from '../../src/cli/start-record.ts';
import { readRootCredentials } from '../../src/security/root-credentials.ts';
import { runCommand, runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { cleanEnvironment, limberProgram } from '../support/limber.ts';
import { claimScratch } from '../support/scratch.ts';

const filesOf = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
    } catch {
      return []; // closed meanwhile
    }
  });

it('a file that the shell has open is passed on to no node, and kept open by no Limber', async (t) => {
  const scratch = await claimScratch();
  t.after(() => scratch.release());
  const { dataDirectory, pool } = scratch;
  const lock = join(scratch.directory, 'lock');
  const where = `--port 0 --data '${dataDirectory}' --pool ${pool}`;
  const script = `exec 200> '${lock}'; exec '${limberProgram}' up --detach ${where}`;
  const up = await runCommand('/bin/bash', ['-c', script], { env: cleanEnvironment() });
  assert.equal(up.code, 0, up.stderr);
  t.after(() => runLimber(['down', '--caches', '--yes', '--data', dataDirectory]));
  const record = (await readStartRecord(dataDirectory))!;
  const credentials = (await readRootCredentials(dataDirectory))!;
  const endpoint = `http://127.0.0.1:${record.port}`;
  const client = new ElastiCacheClient({ endpoint, region: 'us-east-1', credentials });
  t.after(() => client.destroy());
  const id = { ReplicationGroupId: 'files' };
  await client.send(
    new CreateReplicationGroupCommand({
      ...{ ...id, ReplicationGroupDescription: 'files' },
      ...{ Engine: 'valkey', CacheNodeType: 'cache.t4g.micro' },
    }),
  );
  await eventually(
    async (see) => {
      const { ReplicationGroups } = await client.send(new DescribeReplicationGroupsCommand(id));
      return see(ReplicationGroups?.[0]?.Status) === 'available';
    },
    { deadlineMs: 30_000 },
  );
  const status = (await callAdmin(record.port, credentials, 'status', {})) as LimberStatus;
  const pid = status.caches[0]!.members[0]!.pid!;
  assert.ok(!filesOf(record.pid).includes(lock), 'Limber');
  const files = filesOf(pid).filter((file) => file.startsWith('/'));
  assert.ok(!files.includes(lock), files.join('\n'));
  const outside = files.filter((file) => !file.startsWith(dataDirectory) && file !== '/dev/null');
  assert.deepEqual(outside, [], 'and nothing else of ours');
});
