import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { splitCommand } from '../../src/cli/arguments.ts';
import { readUpOptions } from '../../src/cli/up-options.ts';
import { runLimber } from '../support/command.ts';

describe('limber', () => {
  it('shows its commands without arguments, and for help and --help', async () => {
    const [bare, help, flag] = await Promise.all([runLimber([]), runLimber(['help']), runLimber(['--help'])]);
    assert.match(bare.stdout, /^Usage: limber COMMAND[\s\S]*\n {2}up +start Limber/);
    assert.deepEqual([help, flag], [bare, bare]);
    assert.equal(bare.code, 0);
  });

  for (const name of ['up', 'down', 'env', 'status', 'connect', 'engines', 'doctor', 'version']) {
    it(`explains ${name}, by help and by --help`, async () => {
      const [help, flag] = await Promise.all([runLimber(['help', name]), runLimber([name, '--help'])]);
      assert.match(help.stdout, new RegExp(`^Usage: limber ${name}`));
      assert.deepEqual(flag, help);
      assert.equal(help.code, 0);
    });
  }

  it('tells its version', async () => {
    for (const word of ['version', '--version', '-v']) {
      assert.match((await runLimber([word])).stdout, /^limber \d+\.\d+\.\d+\n$/);
    }
  });

  const wrong: [string[], RegExp][] = [
    [['frobnicate'], /^limber: there is no command "frobnicate"\n\nUsage: limber COMMAND/],
    [['help', 'frobnicate'], /^limber: there is no command "frobnicate"/],
    [['--port', '9000'], /^limber: name a command after --port 9000/],
    [['up', '--prot', '1'], /^limber: Unknown option '--prot'\n\nUsage: limber up/],
    [
      ['up', '--port', 'http'],
      /^limber: --port "http": expected a port number, 0 to 65535\n\nUsage: limber up/,
    ],
    [['up', '--port', '65536'], /^limber: --port "65536": expected a port number/],
    [['up', 'now'], /^limber: unexpected argument "now"\n\nUsage: limber up/],
    [['up', '--pool', '10.0.0.0/8'], /^limber: address pool 10\.0\.0\.0\/8: expected a block inside 127/],
    [['up', '--dns', 'two words'], /^limber: --dns "two words": expected the name of a zone/],
    [['up', '--log-level', 'loud'], /^limber: --log-level "loud": expected one of debug, info, warn, error/],
    [['env', '--format', 'xml'], /^limber: --format "xml": expected sh, json, profile/],
    [['env', '--region', 'here'], /^limber: --region "here": expected one such as us-east-1/],
    [['connect'], /^limber: name the cache to connect to\n\nUsage: limber connect/],
  ];
  for (const [words, message] of wrong) {
    it(`refuses "limber ${words.join(' ')}" with what was expected and exit code 2`, async () => {
      const { code, stdout, stderr } = await runLimber(words);
      assert.match(stderr, message);
      assert.deepEqual([code, stdout], [2, '']);
    });
  }

  for (const [name, value] of [
    ['hangAfter', 1],
    ['hangAfterMs', true],
    ['hangAfterMs', -1],
    ['allowValkeyCacheClusters', 1],
  ] as const)
    it(`refuses the setting ${name} = ${value}, and names those that there are`, async () => {
      const LIMBER_SETTINGS = JSON.stringify({ [name]: value });
      const { code, stderr } = await runLimber(['up'], { env: { LIMBER_SETTINGS } });
      const expected = 'expected JSON with numbers, or true or false, of pingIntervalMs';
      assert.ok(stderr.startsWith(`limber: LIMBER_SETTINGS, ${name}: ${expected}`), stderr);
      assert.equal(code, 2);
    });

  it('refuses a service for logs that is no URL', async () => {
    const { code, stderr } = await runLimber(['up'], { env: { LIMBER_CLOUDWATCH_LOGS: '127.0.0.1:4566' } });
    assert.match(
      stderr,
      /^limber: LIMBER_CLOUDWATCH_LOGS=127\.0\.0\.1:4566: expected the URL of a service, or aws/,
    );
    assert.equal(code, 2);
  });
});

describe('options', () => {
  it('or the environment allow stand-ins, which nothing else does', async () => {
    const allowed = async (values: { 'stand-ins'?: boolean }, text = '') => {
      process.env.LIMBER_STAND_INS = text;
      try {
        return (await readUpOptions(values, { isDetached: true })).settings.allowStandIns ?? false;
      } finally {
        delete process.env.LIMBER_STAND_INS;
      }
    };
    assert.deepEqual(
      [
        await allowed({}),
        await allowed({ 'stand-ins': true }),
        await allowed({}, '1'),
        await allowed({}, '0'),
      ],
      [false, true, true, false],
    );
    await assert.rejects(allowed({}, 'yes'), /LIMBER_STAND_INS "yes": expected 1 or 0/);
  });
  it('may stand before the command', () => {
    assert.deepEqual(splitCommand(['--port', '9000', '--detach', 'up', '--data', 'd']), {
      name: 'up',
      rest: ['--port', '9000', '--detach', '--data', 'd'],
    });
    assert.deepEqual(splitCommand(['--data=d', 'connect', 'orders', '--', '--help']), {
      name: 'connect',
      rest: ['--data=d', 'orders', '--', '--help'],
    });
  });

  it('do not pass for a command', () => {
    assert.equal(splitCommand(['--data', 'up']).name, undefined);
  });
});
