/** Node, apt, engines, the data directory and the clock. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { defaultEngines } from '../../catalog/engine-packages.ts';
import { createEngineStore } from '../../engine-store/engine-store.ts';
import { readOwnEngines } from '../../engine-store/own-engines.ts';
import { engineAtPath, nothingThere } from '../../engine-store/system-engines.ts';
import { readRootCredentials, rootCredentialsPath } from '../../security/root-credentials.ts';
import { startRecordPath } from '../start-record.ts';
import { type Examined, type Finding, fail, ok, warn } from './finding.ts';

const nodeMajorMin = 24;
/** Below the first, no node is started; the second is room for a few snapshots. Judgements. */
const freeBytesMin = 64 * 1024 ** 2;
const freeBytesWanted = 1024 ** 3;

export async function findInstallation(examined: Examined): Promise<Finding[]> {
  return [
    findNode(),
    findApt(),
    ...(await findEngines()),
    ...(await findDataDirectory(examined.dataDirectory)),
    await findCredentials(examined.dataDirectory),
    findClock(examined.dataDirectory),
  ].filter((finding) => finding !== null);
}

function findNode(): Finding {
  if (process.platform !== 'linux') {
    return fail('node', `runs on ${process.platform}`, 'Limber runs engines on Linux only.');
  }
  if (Number.parseInt(process.versions.node, 10) >= nodeMajorMin) return ok('node', process.version);
  return fail('node', `${process.version} is too old`, `Run \`npm ci\`, which brings Node ${nodeMajorMin}.`);
}

/** Looks for what fetching an engine needs. Without it the engines at hand run all the same. */
function findApt(): Finding {
  const missing = ['apt-get', 'apt-cache', 'dpkg-deb', 'flock'].filter((program) => !isOnPath(program));
  if (missing.length === 0) return ok('apt', 'can fetch engines');
  return warn(
    'apt',
    `no ${missing.join(', ')} on PATH: engines cannot be fetched`,
    'Use engines of your own: LIMBER_ENGINE_PATH_VALKEY, …_REDIS, …_MEMCACHED.',
  );
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}

async function findEngines(): Promise<Finding[]> {
  const subject = 'engines';
  try {
    const store = createEngineStore();
    const installed = await store.installed();
    const gone = await goneEngines(store.directory);
    const names = installed.map(({ engine, version }) => `${engine} ${version}`);
    const missing = defaultEngines.filter(({ engine }) => !installed.some((one) => one.engine === engine));
    const missingNames = missing.map(({ engine }) => engine).join(', ');
    if (missing.length === 0) return [ok(subject, [...new Set(names)].join(', ')), ...gone];
    const text = names.length === 0 ? 'none at hand' : `${names.join(', ')}; no ${missingNames}`;
    const advice = 'Fetch them: limber engines install --defaults (else at their first use).';
    return [warn(subject, text, advice), ...gone];
  } catch (error) {
    return [fail(subject, (error as Error).message, 'Correct the variable.')];
  }
}

/** Engines of the user's own that are no longer where they were added. */
async function goneEngines(store: string): Promise<Finding[]> {
  const own = await readOwnEngines(store);
  const found = await Promise.all(own.map(({ engine, path }) => engineAtPath(engine, path)));
  return own
    .filter((_, index) => found[index] === null)
    .map(({ engine, path }) =>
      warn(
        'engines',
        `${path} was added as ${engine}, ${nothingThere(engine)}`,
        'Put it back; nodes that ran it cannot start.',
      ),
    );
}

async function findDataDirectory(dataDirectory: string): Promise<Finding[]> {
  const subject = 'data directory';
  const existing = nearestExisting(dataDirectory);
  try {
    accessSync(existing, constants.R_OK | constants.W_OK | constants.X_OK);
    if (!statSync(existing).isDirectory()) throw new Error('it is not a directory');
  } catch (error) {
    const reason = (error as Error).message;
    return [fail(subject, `${dataDirectory} cannot be used: ${reason}`, 'Choose another: --data DIR.')];
  }
  const { bavail, bsize, type } = await statfs(existing);
  const free = bavail * bsize;
  const text = `${dataDirectory}${existing === dataDirectory ? '' : ' (to be made)'}, ${mebibytes(free)} MiB free`;
  return [
    free < freeBytesMin
      ? fail(subject, text, 'Make room: below 64 MiB no cache node is started.')
      : free < freeBytesWanted
        ? warn(subject, text, 'Make room: snapshots and append-only files need it.')
        : ok(subject, text),
    ...findMode(existing === dataDirectory ? dataDirectory : null),
    ...(networkFileSystems.has(type)
      ? [warn(subject, 'is on a network file system', 'Keep it on a local disk: locks and syncs rely on it.')]
      : []),
  ];
}

/** statfs(2): NFS, SMB, SMB2, CIFS, Ceph, 9p. */
const networkFileSystems = new Set([0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x00c36400, 0x01021997]);

function findMode(dataDirectory: string | null): Finding[] {
  if (dataDirectory === null) return [];
  const { mode, uid } = statSync(dataDirectory);
  const findings: Finding[] = [];
  if ((mode & 0o077) !== 0) {
    const text = `others may look into it (mode ${(mode & 0o777).toString(8)})`;
    findings.push(warn('data directory', text, `chmod 700 ${dataDirectory}`));
  }
  if (uid !== process.getuid?.()) {
    const text = `belongs to the user with id ${uid}`;
    findings.push(warn('data directory', text, 'Run Limber and its commands as that user.'));
  }
  return findings;
}

async function findCredentials(dataDirectory: string): Promise<Finding | null> {
  const subject = 'credentials';
  try {
    if ((await readRootCredentials(dataDirectory)) === null) return ok(subject, 'made at the first start');
    const path = rootCredentialsPath(dataDirectory);
    if (((await stat(path)).mode & 0o077) === 0) return ok(subject, 'for their owner only');
    return warn(subject, 'others may read them', `chmod 600 ${path}`);
  } catch (error) {
    return fail(subject, (error as Error).message, 'See the message.');
  }
}

/** Looks whether the clock is set: signatures carry the time, and events and windows go by it. */
function findClock(dataDirectory: string): Finding {
  const now = Date.now();
  const seen = [startRecordPath(dataDirectory), import.meta.filename].map((path) => {
    try {
      return statSync(path).mtimeMs;
    } catch {
      return 0;
    }
  });
  const text = new Date(now).toISOString();
  if (now >= Math.max(...seen) - 1_000) return ok('clock', text);
  return warn(
    'clock',
    `${text} is before files that Limber wrote`,
    'Set the clock (timedatectl set-ntp true).',
  );
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}

function mebibytes(bytes: number): number {
  return Math.floor(bytes / 1024 ** 2);
}
