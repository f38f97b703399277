/** Publish/subscribe: everybody who listens now gets the message, nobody who comes later does (at most once). */
import type { Redis } from 'iovalkey';

const channel = 'message-queue:news';

/** Publishes `count` messages, the second half after a late subscriber came. Prints who got how many. */
export async function showPubSub(connect: () => Redis, count: number): Promise<void> {
  const publisher = connect();
  const early = await subscribe(connect());
  await publish(publisher, count / 2);
  const late = await subscribe(connect());
  await publish(publisher, count / 2);
  await Promise.all([early.received(count), late.received(count / 2)]);
  console.log(`pub/sub: ${count} messages; early subscriber got ${early.count()}, late one ${late.count()}`);
  for (const connection of [publisher, early.connection, late.connection]) connection.disconnect();
}

async function publish(publisher: Redis, count: number): Promise<void> {
  for (let message = 0; message < count; message++) await publisher.publish(channel, `news ${message}`);
}

/** A connection that subscribes can do nothing else, so it is one of its own. */
async function subscribe(connection: Redis) {
  let count = 0;
  connection.on('message', () => {
    count += 1;
  });
  await connection.subscribe(channel);
  return {
    connection,
    count: () => count,
    /** Resolves when that many messages have come. */
    async received(expected: number): Promise<void> {
      while (count < expected) await new Promise((resolve) => connection.once('message', resolve));
    },
  };
}
