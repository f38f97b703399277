import type { Setting } from '../../model/setting.ts';
import { StaleWrite } from '../contract.ts';
import type { Database } from './database.ts';
import { putVersion, readRow, selectFrom, type Table } from './table.ts';

const table: Table<Setting> = {
  name: 'setting',
  columns: { name: 'plain', version: 'plain', value: 'plain' },
  key: ['name'],
};
const select = selectFrom(table);

export function putSetting(database: Database, row: Setting): void {
  if (!putVersion(database, table, row)) throw new StaleWrite(`setting ${row.name}`);
}

export function readSetting(database: Database, name: string): Setting | null {
  return readRow(database, table, `${select} WHERE name = ?`, name);
}
