import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { DescribeCacheClustersCommand, ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { runCommand, runLimber } from '../support/command.ts';
import { cleanEnvironment, type Limber, limberProgram, startLimber } from '../support/limber.ts';
import { claimScratch } from '../support/scratch.ts';

describe('limber env', () => {
  let limber: Limber;
  before(async () => {
    limber = await startLimber();
  });

  /** What a shell holds after `eval "$(limber env)"`, as a real sh sees it. */
  async function shellAfter(env: Record<string, string>, data = limber.dataDirectory) {
    const script = `eval "$('${limberProgram}' env --data "$1")" && env`;
    const { code, stdout, stderr } = await runCommand('sh', ['-eu', '-c', script, 'sh', data], {
      env: { ...cleanEnvironment(), ...env },
    });
    assert.equal(code, 0, stderr);
    const entries = stdout.split('\n').map((line) => [line.split('=', 1)[0], line.replace(/^[^=]*=/, '')]);
    return Object.fromEntries(entries) as Record<string, string>;
  }

  async function describeWith(shell: Record<string, string>) {
    const client = new ElastiCacheClient({
      endpoint: shell.AWS_ENDPOINT_URL_ELASTICACHE!,
      region: shell.AWS_REGION!,
      credentials: {
        accessKeyId: shell.AWS_ACCESS_KEY_ID!,
        secretAccessKey: shell.AWS_SECRET_ACCESS_KEY!,
      },
      maxAttempts: 1,
    });
    try {
      return (await client.send(new DescribeCacheClustersCommand({}))).CacheClusters;
    } finally {
      client.destroy();
    }
  }

  it('gives a shell what signs a request to this Limber', async () => {
    const shell = await shellAfter({});
    assert.equal(shell.AWS_ENDPOINT_URL_ELASTICACHE, limber.endpoint);
    assert.equal(shell.AWS_REGION, 'us-east-1');
    assert.equal(shell.AWS_DEFAULT_REGION, 'us-east-1');
    assert.deepEqual(await describeWith(shell), []);
  });

  it('takes away what a shell with real credentials holds and what would break the signature', async () => {
    const shell = await shellAfter({
      AWS_ACCESS_KEY_ID: 'AKIAREAL',
      AWS_SESSION_TOKEN: 'real',
      AWS_PROFILE: 'production',
      AWS_DEFAULT_PROFILE: 'production',
      AWS_CREDENTIAL_EXPIRATION: '2020-01-01T00:00:00Z',
      AWS_USE_FIPS_ENDPOINT: 'true',
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
    });
    const left = Object.keys(shell).filter((name) => name.startsWith('AWS_'));
    assert.deepEqual(left.sort(), [
      'AWS_ACCESS_KEY_ID',
      'AWS_DEFAULT_REGION',
      'AWS_ENDPOINT_URL_ELASTICACHE',
      'AWS_REGION',
      'AWS_SECRET_ACCESS_KEY',
    ]);
    assert.equal(shell.AWS_ACCESS_KEY_ID, limber.credentials.accessKeyId);
  });

  it('keeps the region of the shell, and takes another one on request', async () => {
    assert.equal((await shellAfter({ AWS_DEFAULT_REGION: 'eu-west-1' })).AWS_REGION, 'eu-west-1');
    const words = ['env', '--format', 'json', '--region', 'ap-south-1', '--data', limber.dataDirectory];
    const { stdout } = await runLimber(words, { env: { AWS_REGION: 'eu-west-1' } });
    assert.equal(JSON.parse(stdout).AWS_REGION, 'ap-south-1');
  });

  it('keeps requests to us from going through a proxy', async () => {
    const shell = await shellAfter({ http_proxy: 'http://proxy:3128', NO_PROXY: 'a.example, b.example' });
    assert.equal(shell.NO_PROXY, 'a.example,b.example,127.0.0.1');
    assert.equal((await shellAfter({ NO_PROXY: 'a.example' })).NO_PROXY, 'a.example');
  });

  it('quotes what a shell would interpret', async (t) => {
    const scratch = await claimScratch();
    t.after(() => scratch.release());
    const directory = join(scratch.directory, "it's $(HOME) & `more`");
    const secretAccessKey = `${'s'.repeat(40)}'"$HOME\`true\`\\ ;&`;
    await mkdir(directory);
    const credentials = { ...limber.credentials, secretAccessKey };
    await writeFile(join(directory, 'credentials.json'), JSON.stringify(credentials));
    await chmod(join(directory, 'credentials.json'), 0o600);
    assert.equal((await shellAfter({}, directory)).AWS_SECRET_ACCESS_KEY, secretAccessKey);
  });

  it('--format json is an object of variables', async () => {
    const { stdout } = await runLimber(['env', '--format', 'json', '--data', limber.dataDirectory]);
    assert.deepEqual(await describeWith(JSON.parse(stdout)), []);
  });

  it('--format profile is a profile for ~/.aws/config with its endpoint', async () => {
    const { stdout } = await runLimber(['env', '--format', 'profile', '--data', limber.dataDirectory]);
    assert.match(stdout, /^\[profile limber\]$/m);
    assert.match(stdout, new RegExp(`^aws_access_key_id = ${limber.credentials.accessKeyId}$`, 'm'));
    assert.match(
      stdout,
      new RegExp(`^\\[services limber\\]\nelasticache =\n {2}endpoint_url = ${limber.endpoint}$`, 'm'),
    );
  });

  it('takes LIMBER_DATA', async () => {
    const { stdout } = await runLimber(['env', '--format', 'json'], {
      env: { LIMBER_DATA: limber.dataDirectory, LIMBER_PORT: '1' },
    });
    assert.equal(JSON.parse(stdout).AWS_ENDPOINT_URL_ELASTICACHE, limber.endpoint);
  });

  it('fails where Limber has never been started, and says how to', async (t) => {
    const scratch = await claimScratch();
    t.after(() => scratch.release());
    const { code, stdout, stderr } = await runLimber(['env', '--data', scratch.dataDirectory]);
    assert.match(stderr, /^limber: Limber has not been started yet with the data directory .*limber up/);
    assert.deepEqual([code, stdout], [1, '']);
  });

  it('works while Limber is not running, with a hint on stderr', async () => {
    await limber.stop();
    const words = ['env', '--format', 'json', '--data', limber.dataDirectory];
    const { code, stdout, stderr } = await runLimber(words);
    assert.equal(JSON.parse(stdout).AWS_ENDPOINT_URL_ELASTICACHE, limber.endpoint);
    assert.match(stderr, /^limber: note that Limber is not running now\. To start it: /);
    assert.equal(code, 0);
  });
});
