// Sets up what is missing, then gets out of the way: the packages of the lockfile (npm ci) and the default engines.
// Runs before `npm start` and `npm test`, on whatever Node is there (20 or newer), so it is plain JavaScript and needs
// nothing installed. With nothing to do it only compares two stamps (see docs/engines.md and CONTRIBUTING.md).
//
// A stamp is written last, so that a set-up killed anywhere is simply done again. A lock that the kernel drops with its
// holder keeps two set-ups apart; the programs that we start inherit it, so that it also outlasts our own sudden death
// for as long as one of them still writes.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, constants as system } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const lockfile = join(root, 'package-lock.json');
/** The lockfile that node_modules was installed from. It goes when node_modules goes. */
const packagesStamp = join(modules, '.limber-setup');
const engineStore = process.env.LIMBER_ENGINES || join(homedir(), '.limber', 'engines');
const wantsEngines = !process.env.LIMBER_NO_ENGINES;

/** What the user must know and do; everything else that is thrown is a defect and shows its stack. */
class SetupFailed extends Error {}

let child;
let stoppedBy;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stoppedBy ??= signal;
    if (!child) process.exit(128 + system.signals[signal]);
    child.kill(signal);
    // npm goes on for up to 9 s after SIGTERM. What it leaves has no stamp, so nobody will take it for whole.
    setTimeout(() => child?.kill('SIGKILL'), 1_000).unref();
  });
}

try {
  if (!packagesAreThere() || !enginesAreThere()) await setUp();
} catch (error) {
  if (!(error instanceof SetupFailed)) throw error;
  process.stderr.write(`\nLimber cannot be set up: ${error.message}\n`);
  process.exitCode = 1;
}

async function setUp() {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new SetupFailed(`Node 20 or newer is needed; this is ${process.version}.`);
  }
  const lock = await takeLock();
  if (!packagesAreThere()) await installPackages(lock); // another set-up may just have done it
  if (!existsSync(join(modules, '.bin/node')) && Number.parseInt(process.versions.node, 10) < 24) {
    const machine = `${process.platform} ${process.arch}`;
    throw new SetupFailed(`the lockfile holds no Node 24 for ${machine}. Install Node 24 or newer yourself.`);
  }
  if (!enginesAreThere()) await installEngines(lock);
}

// Packages

function packagesAreThere() {
  return readOrNull(packagesStamp) === hashOf(lockfile);
}

async function installPackages(lock) {
  const stamp = hashOf(lockfile); // taken before, should somebody change the lockfile meanwhile
  if (!isInstalledByHand()) {
    const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...cacheOption()];
    // Without node_modules/.bin, which npm is about to delete: a later set-up runs on the Node in there.
    const path = (process.env.PATH ?? '')
      .split(delimiter)
      .filter((folder) => folder !== join(modules, '.bin'));
    const env = { ...process.env, PATH: path.join(delimiter) };
    const { code, output } = await withProgress('installing packages (npm ci)', () =>
      runChild('npm', args, { env, lock, quiet: true }),
    );
    if (code !== 0) throw new SetupFailed(`npm ci failed.${npmAdvice(output)}\n\n${lastLines(output, 15)}`);
  }
  writeFileSync(packagesStamp, stamp);
}

/** True when somebody ran npm by hand: npm lists what it installed, as its last act, in a lockfile of its own. */
function isInstalledByHand() {
  const installed = JSON.parse(readOrNull(join(modules, '.package-lock.json')) ?? '{}').packages ?? {};
  const wanted = Object.entries(JSON.parse(readFileSync(lockfile, 'utf8')).packages);
  return wanted.every(([path, { version, integrity, optional, link }]) => {
    const found = installed[path];
    if (path === '' || link || (optional && !found)) return true;
    return found?.version === version && found.integrity === integrity;
  });
}

/** npm needs a cache; where the home directory cannot hold it, it goes into the checkout. */
function cacheOption() {
  const cache = process.env.npm_config_cache || join(homedir(), '.npm');
  try {
    mkdirSync(cache, { recursive: true });
    accessSync(cache, constants.W_OK);
    return [];
  } catch {
    return ['--cache', join(root, '.setup', 'npm-cache')];
  }
}

function npmAdvice(output) {
  if (/ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET_TIMEOUT/.test(output)) {
    return ' The registry does not answer: check the network, and the proxy and registry in `npm config list`.';
  }
  if (/ENOSPC/.test(output)) return ' The disk is full.';
  if (/EACCES|EPERM|EROFS/.test(output)) return ` This user may not write in ${root}.`;
  return '';
}

// Engines

/** Which engines are the defaults is part of the stamp's name: several checkouts may share one store. */
function enginesStamp() {
  const catalogue = hashOf(join(root, 'src/catalog/engine-packages.ts'));
  return join(engineStore, '.work', `defaults-${catalogue.slice(0, 16)}`);
}

function enginesAreThere() {
  if (!wantsEngines) return true;
  const directories = readOrNull(enginesStamp())?.split('\n') ?? [];
  return directories.at(-1) === 'complete' && directories.slice(0, -1).every((one) => existsSync(one));
}

async function installEngines(lock) {
  const args = ['engines', 'install', '--defaults', '--json'];
  const { code, output } = await withProgress('fetching the default engines', () =>
    runChild(join(root, 'bin/limber'), args, { env: process.env, lock }),
  );
  if (code !== 0) {
    throw new SetupFailed(
      'not all default engines could be fetched (see above). Run this again when that is mended, ' +
        'or go on with what is there: LIMBER_NO_ENGINES=1 npm start',
    );
  }
  const directories = JSON.parse(output).engines.map((engine) => engine.directory);
  mkdirSync(dirname(enginesStamp()), { recursive: true });
  writeFileSync(enginesStamp(), [...directories, 'complete'].join('\n'));
}

// Lock, programs and words

/** The file's descriptor: Node cannot lock, but flock(1) locks the open file that it inherits, which stays ours. */
async function takeLock() {
  const path = join(root, '.setup', 'lock');
  let lock;
  try {
    mkdirSync(dirname(path), { recursive: true });
    lock = openSync(path, 'a');
  } catch (error) {
    throw new SetupFailed(`this user may not write in ${root} (${error.code}). Set up once as its owner.`);
  }
  const first = await runChild('flock', ['--nonblock', '--conflict-exit-code', '75', '3'], {
    lock,
    quiet: true,
  });
  if (first.code === 75) {
    await withProgress('waiting for another set-up', () => runChild('flock', ['3'], { lock, quiet: true }));
  }
  return lock; // where there is no flock (not Linux) two set-ups are the user's own affair
}

/**
 * Runs a program without input; its output is collected (`quiet`: also its errors, else they are shown). If we were
 * told to stop, it was told too, and we end once it has.
 */
function runChild(command, args, { env, lock, quiet = false }) {
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', 'pipe', quiet ? 'pipe' : 'inherit', lock];
    child = spawn(command, args, { cwd: root, env: env ?? process.env, stdio });
    let output = '';
    const collect = (text) => {
      output += text;
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    child.on('error', (error) => {
      child = undefined;
      if (command === 'flock') resolve({ code: 0, output });
      else if (error.code !== 'ENOENT') reject(error);
      else
        reject(
          new SetupFailed(`there is no ${command} on PATH. Install Node 20 or newer together with npm.`),
        );
    });
    child.on('close', (code) => {
      child = undefined;
      if (stoppedBy) process.exit(128 + system.signals[stoppedBy]);
      resolve({ code, output });
    });
  });
}

async function withProgress(what, work) {
  const startedAt = Date.now();
  process.stderr.write(`Set-up: ${what} ...\n`);
  const result = await work();
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  if (result.code === 0) process.stderr.write(`Set-up: ${what}: done in ${seconds} s\n`);
  return result;
}

function hashOf(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function readOrNull(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function lastLines(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
