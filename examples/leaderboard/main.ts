/** Shows a leaderboard under concurrent updates: see README.md. `--cleanup` removes what it made. */
import { setInterval } from 'node:timers/promises';
import { createClient, type RedisClientType } from 'redis';
import { ensureCache, removeCache } from '../shared/valkey-cache.ts';
import { createLeaderboard, type Standing } from './leaderboard.ts';

const replicationGroupId = 'example-leaderboard';
const key = 'leaderboard:season-1';
const players = Array.from({ length: 1_000 }, (_, index) => `player-${index}`);
const gameServers = 8;
const updatesPerServer = 2_000;

if (process.argv.includes('--cleanup')) await removeCache(replicationGroupId);
else await run();

async function run(): Promise<void> {
  const url = await ensureCache(replicationGroupId);
  console.log(`cache at ${new URL(url).host}`);
  const client = await connect(url);
  const leaderboard = createLeaderboard(client, key);
  await leaderboard.clear();
  await Promise.all(players.map((player) => leaderboard.addPoints(player, 0)));

  const watching = new AbortController();
  const watched = showLeaders(client, watching.signal);
  const start = performance.now();
  const points = await Promise.all(Array.from({ length: gameServers }, () => playGames(url)));
  const elapsedMs = performance.now() - start;
  watching.abort();
  await watched;

  const everybody = await leaderboard.top(players.length);
  console.log(
    `${gameServers * updatesPerServer} updates by ${gameServers} clients in ${Math.round(elapsedMs)} ms: ` +
      `${sum(points)} points given, ${sum(everybody.map(({ score }) => score))} points on the board`,
  );
  console.log(`top 10 of ${await leaderboard.players()}:`);
  show(await leaderboard.top(10));
  const me = everybody[499]?.player ?? '';
  console.log(`around ${me}, rank ${await leaderboard.rankOf(me)}:`);
  show(await leaderboard.around(me, 2));
  const score = await leaderboard.addPoints(me, 100);
  console.log(`${me} wins 100 points, has ${score}: rank ${await leaderboard.rankOf(me)}`);
  client.destroy();
}

async function connect(url: string): Promise<RedisClientType> {
  const client: RedisClientType = createClient({ url });
  client.on('error', (error: Error) => console.error(`cache: ${error.message}`));
  await client.connect();
  return client;
}

/** A game server with a connection of its own, adding points as games end. Returns the points it gave. */
async function playGames(url: string): Promise<number> {
  const client = await connect(url);
  const leaderboard = createLeaderboard(client, key);
  let given = 0;
  for (let update = 0; update < updatesPerServer; update++) {
    const points = Math.ceil(Math.random() * 100);
    const player = players[Math.floor(Math.random() * players.length)] ?? '';
    await leaderboard.addPoints(player, points);
    given += points;
  }
  client.destroy();
  return given;
}

/** Prints the leaders every 50 ms until the signal aborts. */
async function showLeaders(client: RedisClientType, signal: AbortSignal): Promise<void> {
  const leaderboard = createLeaderboard(client, key);
  try {
    for await (const _ of setInterval(50, undefined, { signal })) {
      const leaders = await leaderboard.top(3);
      console.log(`live: ${leaders.map(({ player, score }) => `${player} ${score}`).join(', ')}`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function show(standings: readonly Standing[]): void {
  for (const { rank, player, score } of standings) {
    console.log(`${String(rank).padStart(5)}. ${player.padEnd(12)} ${String(score).padStart(6)}`);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
