import type { Database } from './database.ts';

export interface Product {
  readonly id: number;
  readonly name: string;
  readonly priceCents: number;
  /** Mean of all reviews; null without any. */
  readonly stars: number | null;
  readonly reviews: number;
  /** Grows with every change of the row. */
  readonly version: number;
}

export const productCount = 200;

/** Makes and fills a schema of its own, unless it is there already. */
export async function createProducts(database: Database): Promise<void> {
  await database.execute(`
    BEGIN;
    CREATE SCHEMA IF NOT EXISTS db_cache_example;
    SET LOCAL search_path TO db_cache_example;
    CREATE TABLE IF NOT EXISTS products (
      id int PRIMARY KEY, name text NOT NULL, price_cents int NOT NULL, version int NOT NULL DEFAULT 1);
    CREATE TABLE IF NOT EXISTS reviews (id int PRIMARY KEY, product_id int NOT NULL, stars int NOT NULL);
    INSERT INTO products (id, name, price_cents)
      SELECT id, 'product ' || id, id * 100 FROM generate_series(1, ${productCount}) AS id
      ON CONFLICT DO NOTHING;
    INSERT INTO reviews SELECT id, 1 + id % ${productCount}, 1 + id % 5 FROM generate_series(1, 40000) AS id
      ON CONFLICT DO NOTHING;
    COMMIT;`);
}

export async function dropProducts(database: Database): Promise<void> {
  await database.execute('DROP SCHEMA IF EXISTS db_cache_example CASCADE');
}

/** One product with the sum of its reviews: the slow query that the cache is for. Null when there is none. */
export async function selectProduct(database: Database, id: number): Promise<Product | null> {
  const rows = await database.query<Product>(
    `SELECT id, name, price_cents AS "priceCents", version, stars, reviews
       FROM db_cache_example.products,
            LATERAL (SELECT avg(stars)::float AS stars, count(*)::int AS reviews
                       FROM db_cache_example.reviews WHERE product_id = products.id) AS opinion
      WHERE id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/** Sets the price and returns the product as it is now; null when there is none. */
export async function updatePrice(database: Database, id: number, priceCents: number) {
  await database.query(
    'UPDATE db_cache_example.products SET price_cents = $2, version = version + 1 WHERE id = $1',
    [id, priceCents],
  );
  return selectProduct(database, id);
}
