/** What the kernel allows, and who will end processes that lose their parent. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readProcess } from '../../platform/proc.ts';
import { type Examined, type Finding, fail, ok, warn } from './finding.ts';

/** ElastiCache gives every node 65,000 clients; an engine needs some more files for itself. */
const filesWanted = 65_000 + 128;

export async function findLimits({ presence }: Examined): Promise<Finding[]> {
  const pid = presence.kind === 'stopped' ? process.pid : presence.record.pid;
  return [
    findOpenFiles(pid),
    findOvercommit(),
    findHugePages(),
    findInit(presence.kind === 'stopped' ? null : pid),
    ...(presence.kind === 'stopped' ? [] : await findServiceManager(pid)),
  ].filter((finding) => finding !== null);
}

/** The hard limit counts: Node raises its own soft limit to it, and nodes inherit that. */
function findOpenFiles(pid: number): Finding | null {
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/m.exec(read(`/proc/${pid}/limits`) ?? '') ?? [];
  if (hard === undefined) return null;
  if (hard === 'unlimited' || Number(hard) >= filesWanted) return ok('open files', `limit ${hard}`);
  return warn(
    'open files',
    `limit ${hard}: a cache node serves at most about ${Number(hard) - 128} clients, not 65,000`,
    'Raise it where Limber is started: ulimit -Hn 1048576, or LimitNOFILE=1048576 in its unit.',
  );
}

function findOvercommit(): Finding | null {
  const value = read('/proc/sys/vm/overcommit_memory')?.trim();
  if (value === undefined) return null;
  if (value === '1') return ok('memory', 'overcommit is on');
  const text = `vm.overcommit_memory is ${value}: a full sync or a snapshot of a large cache may fail for want of memory`;
  return warn('memory', text, 'sysctl -w vm.overcommit_memory=1 (and in /etc/sysctl.d).');
}

/** Valkey and Redis (6.2 and newer) opt out by themselves (`disable-thp`), so that it does no harm. */
function findHugePages(): Finding | null {
  const [, mode] = /\[(\w+)\]/.exec(read('/sys/kernel/mm/transparent_hugepage/enabled') ?? '') ?? [];
  if (mode === undefined) return null;
  return ok('huge pages', mode === 'always' ? 'on; Valkey and Redis opt out of them' : mode);
}

/** Processes that outlive Limber become children of process 1, which must reap them; if Limber is process 1, its death kills all. */
function findInit(limberPid: number | null): Finding {
  if (limberPid === 1 || process.pid === 1) {
    const text = 'Limber is process 1 of its container: its end is the end of all caches';
    return fail('init', text, 'Run the container with an init: docker run --init, or tini.');
  }
  const name = readProcess(1)?.name ?? 'hidden';
  const inContainer = existsSync('/.dockerenv') || existsSync('/run/.containerenv');
  const isShell = ['sh', 'bash', 'dash', 'node', 'npm', 'sleep', 'tail', 'cat'].includes(name);
  if (!inContainer || !isShell) return ok('init', `process 1 is ${name}`);
  const text = `process 1 of this container is ${name}, which may not reap dead cache nodes`;
  return warn('init', text, 'Run the container with an init: docker run --init, or tini.');
}

/** A systemd unit that is stopped ends every process of its cgroup, detached ones too, unless it says otherwise. */
async function findServiceManager(pid: number): Promise<Finding[]> {
  const [, unit] = /\/([^/\n]+\.service)$/m.exec(read(`/proc/${pid}/cgroup`) ?? '') ?? [];
  if (unit === undefined || /^(user@|session|ssh|cron|docker|containerd)/.test(unit)) return [];
  const mode = await killModeOf(unit);
  if (mode === null || mode === 'process' || mode === 'none')
    return [ok('systemd', `${unit}: KillMode=${mode}`)];
  const text = `${unit} has KillMode=${mode}: stopping it kills the caches`;
  return [fail('systemd', text, 'Set KillMode=process in the unit.')];
}

function killModeOf(unit: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(
      'systemctl',
      ['show', '--property=KillMode', '--value', unit],
      { timeout: 2_000 },
      (error, text) => resolve(error ? null : text.trim() || null),
    );
  });
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
