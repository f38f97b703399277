/** Shows that sessions outlive the application: see README.md. `--cleanup` removes what it made. */
import { randomBytes } from 'node:crypto';
import { ensureCache, removeCache } from '../shared/valkey-cache.ts';
import { type AppProcess, startApp } from './app-process.ts';

const replicationGroupId = 'example-session-store';

if (process.argv.includes('--cleanup')) await removeCache(replicationGroupId);
else await run();

async function run(): Promise<void> {
  const cacheUrl = await ensureCache(replicationGroupId);
  console.log(`cache at ${new URL(cacheUrl).host}`);
  const environment = {
    CACHE_URL: cacheUrl,
    SESSION_SECRET: process.env.SESSION_SECRET ?? randomBytes(32).toString('hex'),
  };

  let app = await startApp(environment);
  const cookie = await logIn(app, 'ana');
  await showMe(app, cookie, 'the app that she logged in to');

  await app.stop('SIGTERM');
  app = await startApp(environment);
  await showMe(app, cookie, 'after a restart');

  await app.stop('SIGKILL');
  app = await startApp(environment);
  await showMe(app, cookie, 'after a crash');

  const second = await startApp(environment);
  await showMe(second, cookie, 'a second app beside the first');
  await second.stop('SIGTERM');

  await fetch(`${app.url}/logout`, { method: 'POST', headers: { cookie } });
  await showMe(app, cookie, 'after logging out');
  await app.stop('SIGTERM');
}

/** Returns the session's cookie. */
async function logIn(app: AppProcess, user: string): Promise<string> {
  const response = await fetch(`${app.url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0];
  if (!response.ok || !cookie) throw new Error(`login answered ${response.status}`);
  console.log(`logged in as ${user}`);
  return cookie;
}

async function showMe(app: AppProcess, cookie: string, when: string): Promise<void> {
  const response = await fetch(`${app.url}/me`, { headers: { cookie } });
  console.log(`${when}: ${response.status} ${await response.text()}`);
}
