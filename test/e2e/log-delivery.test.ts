import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import {
  CreateCacheParameterGroupCommand,
  type ElastiCacheClient,
  type LogDeliveryConfigurationRequest,
  ModifyCacheParameterGroupCommand,
  ModifyReplicationGroupCommand,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache';
import { askOnce, connectResp } from '../../bench/lib/resp-client.ts';
import { runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { cleanEnvironment, type Limber, limberProgram, startLimber } from '../support/limber.ts';
import { createGroup, describeCluster, describeGroup, messagesOf } from './caches.ts';
import { nodesOf, primaryOf } from './faults.ts';

const group = '/aws/elasticache/orders';
const toGroup = (
  logType: 'slow-log' | 'engine-log',
  logFormat: 'json' | 'text',
  LogGroup = group,
): LogDeliveryConfigurationRequest => ({
  LogType: logType,
  DestinationType: 'cloudwatch-logs',
  DestinationDetails: { CloudWatchLogsDetails: { LogGroup } },
  LogFormat: logFormat,
});

let limber: Limber;
let client: ElastiCacheClient;

before(async () => {
  limber = await startLimber({ settings: { logDeliveryMs: 50 } });
  client = limber.client();
  const name = { CacheParameterGroupName: 'everything-is-slow' };
  await client.send(
    new CreateCacheParameterGroupCommand({
      ...name,
      CacheParameterGroupFamily: 'valkey9',
      Description: 'e2e',
    }),
  );
  const ParameterNameValues = [{ ParameterName: 'slowlog-log-slower-than', ParameterValue: '0' }];
  await client.send(new ModifyCacheParameterGroupCommand({ ...name, ParameterNameValues }));
  await createGroup(client, {
    ReplicationGroupId: 'orders',
    NumCacheClusters: 2,
    ...name,
    LogDeliveryConfigurations: [toGroup('slow-log', 'json'), toGroup('engine-log', 'text')],
  });
});

function folder(destination = group): string {
  const { account } = limber.credentials;
  return join(
    limber.dataDirectory,
    'logs',
    account,
    'us-east-1',
    'cloudwatch-logs',
    destination.replaceAll('/', ':'),
  );
}

const fileOf = (member: string, log: string, destination?: string) =>
  join(folder(destination), 'elasticache', 'valkey', member, '0001', `${log}.log`);

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}

type Entry = Record<string, string | number>;
const slowEntries = (member: string, destination?: string): Entry[] =>
  linesOf(fileOf(member, 'slow-log', destination)).map((line) => JSON.parse(line) as Entry);

const isSet = ({ Command }: Entry): boolean => `${Command}`.startsWith('SET ');
const countOf = (member: string, command: string): number =>
  slowEntries(member).filter(({ Command }) => `${Command}`.split(' ')[0] === command).length;

const modify = (configuration: LogDeliveryConfigurationRequest, ApplyImmediately = true) =>
  client.send(
    new ModifyReplicationGroupCommand({
      ReplicationGroupId: 'orders',
      ApplyImmediately,
      LogDeliveryConfigurations: [configuration],
    }),
  );

const deliveryOf = ({ LogDeliveryConfigurations: all = [] }: ReplicationGroup, logType: string) =>
  all.find(({ LogType }) => LogType === logType);

const primary = async () => primaryOf(await nodesOf(limber, 'orders'));
const becomes = (status: string, logType = 'slow-log') =>
  eventually(async (see) => {
    const one = deliveryOf(await describeGroup(client, 'orders'), logType);
    return see(one)?.Status === status && one;
  });

describe('log delivery into files', () => {
  it('is shown as active once the destinations take entries, of the group and not of its members', async () => {
    await becomes('active');
    await becomes('active', 'engine-log');
    const shown = await describeGroup(client, 'orders');
    assert.deepEqual(deliveryOf(shown, 'slow-log'), { ...toGroup('slow-log', 'json'), Status: 'active' });
    assert.equal(shown.PendingModifiedValues?.LogDeliveryConfigurations, undefined);
    const member = await describeCluster(client, 'orders-001');
    assert.equal(member.ReplicationGroupLogDeliveryEnabled, true);
    assert.deepEqual(member.LogDeliveryConfigurations, []);
  });

  it("brings slow commands in ElastiCache's form, without keys and values, and without Limber's own", async () => {
    const node = await primary();
    const writer = await connectResp(node);
    await writer.ask('CLIENT', 'SETNAME', 'billing');
    await writer.ask('SET', 'card:1', '4111-1111');
    writer.close();
    const entry = await eventually(() => slowEntries(node.id).find(isSet));
    assert.equal(entry.Command, 'SET ... (2 more arguments)');
    assert.equal(entry.ClientName, 'billing');
    assert.deepEqual(Object.keys(entry), [
      'CacheClusterId',
      'CacheNodeId',
      'Id',
      'Timestamp',
      'Duration (us)',
      'Command',
      'ClientAddress',
      'ClientName',
    ]);
    const text = readFileSync(fileOf(node.id, 'slow-log'), 'utf8');
    assert.doesNotMatch(text, /card:1|4111|limber/);
  });

  it("brings every node's own log from its first line on", async () => {
    for (const { id, role } of await nodesOf(limber, 'orders')) {
      const lines = await eventually(() => linesOf(fileOf(id, 'engine-log')));
      assert.match(lines[0] ?? '', new RegExp(`^${id}/0001:M \\d\\d \\w{3} \\d{4} [\\d:.]{12} UTC [*#] `));
      if (role === 'replica')
        await eventually(() =>
          linesOf(fileOf(id, 'engine-log')).some((line) => line.includes(`${id}/0001:S `)),
        );
    }
  });

  it('misses and repeats nothing over a restart, and brings what came meanwhile', async () => {
    const node = await primary();
    await limber.stop();
    for (let count = 0; count < 20; count += 1) await askOnce(node, 'APPEND', 'while-away', 'v');
    await limber.restart();
    await askOnce(node, 'ECHO', 'here again');
    await eventually(() => countOf(node.id, 'ECHO') === 1);
    assert.equal(countOf(node.id, 'APPEND'), 20);
  });

  it('repeats one part at most when Limber dies right after the destination had it', async () => {
    const node = await primary();
    await limber.kill();
    for (let count = 0; count < 20; count += 1) await askOnce(node, 'INCR', 'while-away-again');
    await limber.restart({ env: { LIMBER_FAULT_POINT: 'log-delivery:delivered' } }).catch(() => {});
    assert.equal(await limber.ended, 'SIGKILL');
    await limber.restart();
    await askOnce(node, 'TOUCH', 'the-end');
    await eventually(() => countOf(node.id, 'TOUCH') === 1);
    assert.ok([20, 40].includes(countOf(node.id, 'INCR')), `${countOf(node.id, 'INCR')}`);
  });

  it('says so when a destination does not work, and brings what has waited once it does', async () => {
    const node = await primary();
    await rename(folder(), `${folder()}.aside`);
    await writeFile(folder(), 'in its place');
    await askOnce(node, 'SET', 'waits', 'v');
    const failed = await becomes('error');
    assert.match(failed.Message ?? '', /ENOTDIR|EEXIST/);
    await eventually(async () =>
      (await messagesOf(client, 'orders')).some((text) => /slow-log is not delivered/.test(text)),
    );
    const { undelivered } = await limber.status();
    assert.match(undelivered.join(), /the slow-log of orders is not delivered: writing/);
    await rm(folder());
    await becomes('active');
    await eventually(() => slowEntries(node.id).some(isSet));
  });
});

describe('log delivery of a cache that is changed', () => {
  it("is refused without ApplyImmediately, in ElastiCache's words", async () => {
    await assert.rejects(modify(toGroup('slow-log', 'text'), false), {
      name: 'InvalidParameterValueException',
      message: 'To modify the log delivery configuration, set the apply-immediately parameter to true.',
    });
  });

  it('goes to the new destination in the new form, from the change on', async () => {
    const node = await primary();
    await modify(toGroup('slow-log', 'text', 'other'));
    await becomes('active');
    const since = linesOf(fileOf(node.id, 'slow-log')).length;
    await askOnce(node, 'ECHO', 'hello');
    const line = await eventually(() =>
      linesOf(fileOf(node.id, 'slow-log', 'other')).find((one) => one.includes('ECHO')),
    );
    assert.match(
      line,
      new RegExp(`^${node.id},0001,\\d{10},\\d+,ECHO \\.\\.\\. \\(1 more arguments\\),127\\..*:\\d+,$`),
    );
    assert.equal(linesOf(fileOf(node.id, 'slow-log')).length, since);
  });

  it('ends when it is turned off, and the other log goes on', async () => {
    const node = await primary();
    await modify({ LogType: 'slow-log', Enabled: false });
    await eventually(async () => deliveryOf(await describeGroup(client, 'orders'), 'slow-log') === undefined);
    const since = linesOf(fileOf(node.id, 'slow-log', 'other')).length;
    await askOnce(node, 'ECHO', 'nobody listens');
    await modify(toGroup('slow-log', 'json'));
    await becomes('active');
    await askOnce(node, 'SETEX', 'again', 100, 'v');
    await eventually(() => slowEntries(node.id).some(({ Command }) => `${Command}`.startsWith('SETEX')));
    assert.equal(linesOf(fileOf(node.id, 'slow-log', 'other')).length, since);
    assert.equal((await becomes('active', 'engine-log')).Status, 'active');
  });
});

describe('limber logs', () => {
  const logs = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runLimber(['logs', ...args, '--data', limber.dataDirectory]);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };

  it('shows the last lines of every node, or of one', async () => {
    const all = await logs('orders', '--lines', '1000');
    for (const { id } of await nodesOf(limber, 'orders')) assert.ok(all.includes(`${id}/0001:`), id);
    const lines = (await logs('orders-001', '--lines', '3')).trim().split('\n');
    assert.equal(lines.length, 3);
    assert.ok(lines.every((line) => line.startsWith('orders-001/0001:')));
  });

  it('shows slow commands as JSON, whether or not they are delivered', async () => {
    const node = await primary();
    await askOnce(node, 'GETSET', 'slow', 'v');
    const entries = (await logs(node.id, '--slow', '--json')).trim().split('\n');
    assert.ok(
      entries
        .map((line) => JSON.parse(line) as Entry)
        .some(({ Command }) => `${Command}`.startsWith('GETSET')),
    );
  });

  it('follows what comes', async (t) => {
    const node = await primary();
    const args = ['logs', node.id, '--slow', '--follow', '--lines', '1', '--data', limber.dataDirectory];
    const following = spawn(limberProgram, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: cleanEnvironment(),
    });
    t.after(() => following.kill('SIGKILL'));
    let output = '';
    following.stdout.on('data', (text) => {
      output += text;
    });
    await eventually(() => output.length > 0);
    await askOnce(node, 'SETRANGE', 'followed', 0, 'v');
    await eventually(() => output.includes('SETRANGE ... (3 more arguments)'));
    assert.equal(output.split('SETRANGE').length, 2);
  });

  it('names the caches that there are when it does not know one', async () => {
    await assert.rejects(logs('nothing'), /no cache or node nothing here. There is: orders/);
  });
});
