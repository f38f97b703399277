/**
 * Rows kept as they were read, for as long as nobody writes to the state file. Most Describes ask for what has not
 * changed since the last one, and reading and decoding it was the largest part of their time.
 */
import type { Database, Value } from './database.ts';

/**
 * Rows of a kind and questions, together; what is asked beyond them is read each time. They hold 1,000 groups with a
 * replica (4,000 endpoints), which take about 12 MB. To forget some for others instead cost more than it brought:
 * whoever pages through more than fits would find none, and leave them all to the collector of the old generation.
 */
const keptMax = 5_000;

/**
 * `read` for one database, which it asks again only after a write. Rows are shared between callers, the lists are
 * not. Not to be called inside a transaction: what is then rolled back would be kept.
 */
export function keepRows<Question extends readonly unknown[], Row>(
  read: (database: Database, ...question: Question) => Row[],
): (database: Database, ...question: Question) => Row[] {
  const kept = new Map<string, readonly Row[]>();
  let count = 0;
  let stamp: readonly Value[] = [];
  return (database, ...question) => {
    const present = writesOf(database);
    if (present.some((value, index) => value !== stamp[index])) {
      kept.clear();
      count = 0;
    }
    stamp = present;
    const key = JSON.stringify(question);
    const known = kept.get(key);
    if (known !== undefined) return [...known];
    const rows = read(database, ...question);
    if (count + 1 + rows.length > keptMax) return rows;
    kept.set(key, rows);
    count += 1 + rows.length;
    return [...rows];
  };
}

/** A value that changes with each write to the file, ours and anybody's. SQLite counts, so that no writer can forget to. */
function writesOf(database: Database): readonly Value[] {
  const [writes] = database.arrays('SELECT total_changes(), data_version FROM pragma_data_version');
  return writes!;
}
