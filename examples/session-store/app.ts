/**
 * A web application that keeps nothing in its own memory: sessions live in the cache.
 * Environment: CACHE_URL; PORT (0 = any free one); SESSION_SECRET, which signs the cookies and must stay the same.
 */
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';

declare module 'express-session' {
  interface SessionData {
    user: string;
    views: number;
  }
}

const { CACHE_URL, PORT = '3000', SESSION_SECRET } = process.env;
if (!CACHE_URL || !SESSION_SECRET) throw new Error('CACHE_URL and SESSION_SECRET must be set');

const cache = createClient({ url: CACHE_URL });
// The client connects again by itself; without a listener its first trouble would end the process.
cache.on('error', (error: Error) => console.error(`cache: ${error.message}`));
await cache.connect();

const app = express();
app.use(express.json());
app.use(
  session({
    store: new RedisStore({ client: cache, prefix: 'session:', ttl: 3_600 /* s after the last request */ }),
    secret: SESSION_SECRET,
    resave: false, // the store touches a session's TTL, so that unchanged ones need no writing
    saveUninitialized: false, // no entry and no cookie for visitors who never log in
    cookie: { httpOnly: true, sameSite: 'lax' }, // and `secure: true` behind HTTPS
  }),
);

app.post('/login', (request, response, next) => {
  // A new id at login, so that nobody can plant an id beforehand and share the session (session fixation).
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = String(request.body.user);
    request.session.views = 0;
    response.json({ user: request.session.user });
  });
});

app.get('/me', (request, response) => {
  const { user, views = 0 } = request.session;
  if (!user) return void response.status(401).json({ error: 'not logged in' });
  request.session.views = views + 1;
  response.json({ user, views: views + 1 });
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.json({})));
});

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  console.log(`listening on http://127.0.0.1:${port}`);
});

process.once('SIGTERM', () => {
  // What was begun is finished first: a request cut short might lose its session's last change.
  server.close(() => cache.destroy());
  server.closeIdleConnections();
});
