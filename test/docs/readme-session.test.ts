import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cleanEnvironment, startLimber } from '../support/limber.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The code blocks of one section, as a reader copies them. */
function commandsOf(heading: string): string[] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^```\n([\s\S]*?)^```/gm)].map(([, block]) => block as string);
}

/** The AWS CLI with its version, or null. What some version manager puts on PATH may only pose as one. */
function findAwsCli(): { readonly program: string; readonly version: string } | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];
  for (const folder of folders) {
    try {
      const program = join(folder, 'aws');
      const said = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: 'pipe' });
      const [, version] = /^aws-cli\/(\d+\.\d+)/.exec(said) ?? [];
      if (version) return { program, version };
    } catch {}
  }
  return null;
}

/** Since 2.13 and 1.29 it reads AWS_ENDPOINT_URL_ELASTICACHE. */
function readsEndpoint(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 13) || (major === 1 && minor >= 29);
}

/** A folder whose `aws` is the CLI; an old one is told the endpoint with each command, as the README says. */
function folderWithAws({ program, version }: { program: string; version: string }): string {
  const folder = mkdtempSync(join(tmpdir(), 'limber-aws-'));
  const endpoint = readsEndpoint(version) ? '' : ' --endpoint-url "$AWS_ENDPOINT_URL_ELASTICACHE"';
  writeFileSync(join(folder, 'aws'), `#!/bin/sh\nexec '${program}' "$@"${endpoint}\n`);
  chmodSync(join(folder, 'aws'), 0o755);
  return folder;
}

const aws = findAwsCli();

describe('the session of README.md', { skip: aws ? false : 'there is no AWS CLI on this machine' }, () => {
  it('goes word for word as it stands there', async (t) => {
    const [create = '', remove = '', older = ''] = commandsOf('A session');
    assert.match(create, /^aws elasticache create-replication-group .*\n[\s\S]*^bin\/limber connect orders/m);
    const limber = await startLimber(t);
    const folder = folderWithAws(aws!);
    t.after(() => rmSync(folder, { recursive: true }));
    const env = {
      ...cleanEnvironment(),
      LIMBER_DATA: limber.dataDirectory,
      PATH: `${folder}${delimiter}${process.env.PATH}`,
    };
    const run = async (commands: string, input = '') => {
      const script = `set -e\neval "$(bin/limber env)"\n${commands}`;
      const running = promisify(execFile)('bash', ['-c', script], { cwd: root, env, timeout: 60_000 });
      running.child.stdin?.end(input);
      return (await running).stdout;
    };

    const made = await run(create, 'SET greeting hello\nGET greeting\n');
    assert.match(made, /"Status": "creating"/);
    assert.match(made, /\bOK\n"?hello"?\n$/);
    const shown = await run(older.replaceAll(/--endpoint-url \S+/g, readsEndpoint(aws!.version) ? '$&' : ''));
    assert.match(shown, /"Status": "available"/);
    assert.match(await run(remove), /"Status": "deleting"/);
  });
});
