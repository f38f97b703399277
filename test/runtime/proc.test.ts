import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  bootId,
  everyThread,
  isDead,
  listPids,
  readCommandLine,
  readDescriptor,
  readMainThreadCpuMs,
  readProcess,
} from '../../src/platform/proc.ts';

describe('/proc', () => {
  it('tells of this very process what Node tells', () => {
    const self = readProcess(process.pid)!;
    assert.equal(self.parentPid, process.ppid);
    assert.equal(self.isExiting, false);
    const ratio = self.rssBytes / process.memoryUsage.rss();
    assert.ok(ratio > 0.8 && ratio < 1.25, `memory ${ratio}`);
    const { user, system } = process.cpuUsage();
    assert.ok(Math.abs(self.cpuMs - (user + system) / 1000) < 100, `${self.cpuMs} ms`);
    assert.ok(readMainThreadCpuMs(process.pid)! > 1);
    assert.equal(readCommandLine(process.pid)?.[0], process.argv0);
    assert.ok(listPids().includes(process.pid));
    assert.match(bootId(), /^[0-9a-f-]{36}$/);
  });

  it('says null for a process that is not there', () => {
    const none = 4_194_305; // above the largest pid_max
    assert.equal(readProcess(none), null);
    assert.equal(readMainThreadCpuMs(none), null);
    assert.equal(readDescriptor(none, 1), null);
    assert.equal(everyThread(none, isDead), true);
  });

  it('reads programs whose names hold blanks and parentheses', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'limber-proc-'));
    const path = join(directory, 'a) S 1 (b');
    await copyFile('/bin/sleep', path);
    const child = spawn(path, ['600'], { stdio: 'ignore' });
    try {
      await once(child, 'spawn');
      const seen = readProcess(child.pid!)!;
      assert.equal(seen.name, 'a) S 1 (b');
      assert.equal(seen.parentPid, process.pid);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await rm(directory, { recursive: true });
    }
  });
});
