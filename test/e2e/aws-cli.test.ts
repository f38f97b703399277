import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Finished, runCommand, runLimber } from '../support/command.ts';
import { cleanEnvironment, startLimber } from '../support/limber.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface AwsCli {
  readonly command: string;
  /** It reads AWS_ENDPOINT_URL_ELASTICACHE: from 2.13 and 1.29 on. */
  readonly readsEndpointVariable: boolean;
}

/** Those that really work: a version manager's shim may only look like one. */
async function findAwsClis(): Promise<readonly AwsCli[]> {
  const candidates = ['/usr/bin/aws', `${root}/.setup/bin/aws`, 'aws'];
  // By way of a shell, since most of them are not there.
  const versions = await Promise.all(
    candidates.map((command) => runCommand('sh', ['-c', `${command} --version`])),
  );
  return candidates.flatMap((command, index) => {
    const version = versions[index];
    const [, major, minor] = /^aws-cli\/(\d+)\.(\d+)/.exec(version?.stdout ?? '') ?? [];
    if (version?.code !== 0 || !major) return [];
    return { command, readsEndpointVariable: Number(minor) >= (major === '1' ? 29 : 13) };
  });
}

const clis = await findAwsClis();
const [cli] = clis;
const modern = clis.find((one) => one.readsEndpointVariable);
const missing = 'there is no AWS CLI here that works (apt-get install awscli)';
const limber = await startLimber({ logLevel: 'debug' });

/** Runs lines of shell in a terminal in which `eval "$(bin/limber env)"` was done. `options`: of each `aws`. */
function shell(command: string | undefined, options: string, lines: string): Promise<Finished> {
  const script = `set -e
eval "$(bin/limber env)"
aws() { command ${command} ${options} "$@"; }
${lines}`;
  const env = { ...cleanEnvironment(), LIMBER_DATA: limber.dataDirectory, AWS_PAGER: '' };
  return runCommand('sh', ['-c', script], { env, cwd: root });
}

/** The commands of README's session, as they stand there: those for a user with caches, in order. */
async function readmeCommands(): Promise<{ create: string; wait: string; connect: string; remove: string }> {
  const readme = await readFile(`${root}/README.md`, 'utf8');
  const blocks = [...readme.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map(([, block]) => block ?? '');
  const commands = blocks
    .join('')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/\s#.*$/, '').trim());
  const find = (start: string) => {
    const command = commands.find((line) => line.startsWith(start));
    assert.ok(command, `README has a line that begins with: ${start}`);
    return command;
  };
  return {
    create: find('aws elasticache create-replication-group'),
    wait: find('aws elasticache wait replication-group-available'),
    connect: find('bin/limber connect orders'),
    remove: find('aws elasticache delete-replication-group'),
  };
}

function requireSuccess(finished: Finished): string {
  assert.equal(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
  return finished.stdout;
}

describe('README’s session with the AWS CLI', { skip: cli ? false : missing }, () => {
  const run = (lines: string) => shell(cli?.command, '--endpoint-url "$AWS_ENDPOINT_URL_ELASTICACHE"', lines);
  const succeed = async (lines: string) => requireSuccess(await run(lines));

  it('creates the cluster, waits for it, and connects to it', async () => {
    const { create, wait, connect } = await readmeCommands();
    const created = JSON.parse(await succeed(create)).ReplicationGroup;
    assert.equal(created.ReplicationGroupId, 'orders');
    assert.equal(created.Status, 'creating');
    await succeed(wait);
    // Its waiter asks at once, and again only after 15 s: the first answer is held until the cluster is there.
    assert.equal(limber.logs().match(/"action":"DescribeReplicationGroups"/g)?.length, 1);
    const answers = await succeed(`printf 'SET greeting hello\\nGET greeting\\n' | ${connect}`);
    const lines = answers.trim().split('\n');
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('-> Redirected')),
      ['OK', 'hello'],
    );
  });

  it('shows it, in a query of the CLI’s own', async () => {
    const query = 'ReplicationGroups[].[ReplicationGroupId,Status,NodeGroups[].Slots]';
    const text = await succeed(
      `aws elasticache describe-replication-groups --query '${query}' --output text`,
    );
    assert.equal(text, 'orders\tavailable\n0-5461\t5462-10922\t10923-16383\n');
  });

  it('reports errors as AWS does', async () => {
    const { code, stderr } = await run('aws elasticache describe-cache-clusters --cache-cluster-id nobody');
    assert.notEqual(code, 0);
    assert.match(
      stderr,
      /An error occurred \(CacheClusterNotFound\) when calling the DescribeCacheClusters operation: CacheCluster not found: nobody/,
    );
  });

  it('deletes it, and waits until it is gone', async () => {
    const { remove } = await readmeCommands();
    const wait = 'aws elasticache wait replication-group-deleted --replication-group-id orders';
    assert.equal(JSON.parse(await succeed(`${remove}\n${wait}`)).ReplicationGroup.Status, 'deleting');
    const { stdout } = await runLimber(['status', '--data', limber.dataDirectory]);
    assert.doesNotMatch(stdout, /orders/);
  });
});

describe('an AWS CLI that reads AWS_ENDPOINT_URL_ELASTICACHE', {
  skip: modern ? false : cli ? `${cli.command} is older than 2.13 and 1.29` : missing,
}, () => {
  it('needs nothing but limber env', async () => {
    const answer = await shell(modern?.command, '', 'aws elasticache describe-cache-clusters');
    assert.deepEqual(JSON.parse(requireSuccess(answer)), { CacheClusters: [] });
  });
});
