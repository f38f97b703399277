/** Secrets and access keys: each in a table of its own, none of them ever in an error text. */
import type { AccessKey } from '../../model/credential.ts';
import type { Database } from './database.ts';

export function putSecret(database: Database, secret: { owner: string; name: string; value: string }): void {
  database.run(
    `INSERT INTO secret (owner, name, value) VALUES (?, ?, ?)
      ON CONFLICT (owner, name) DO UPDATE SET value = excluded.value`,
    secret.owner,
    secret.name,
    secret.value,
  );
}

export function removeSecrets(database: Database, owner: string): void {
  database.run('DELETE FROM secret WHERE owner = ?', owner);
}

export function readSecret(database: Database, owner: string, name: string): string | null {
  const sql = 'SELECT value FROM secret WHERE owner = ? AND name = ?';
  return database.get<{ value: string }>(sql, owner, name)?.value ?? null;
}

const selectAccessKey =
  'SELECT access_key_id AS accessKeyId, secret_access_key AS secretAccessKey, account, name FROM access_key';

export function putAccessKey(database: Database, key: AccessKey): void {
  database.run(
    `INSERT INTO access_key (access_key_id, secret_access_key, account, name) VALUES (?, ?, ?, ?)
      ON CONFLICT (access_key_id) DO UPDATE SET
        secret_access_key = excluded.secret_access_key, account = excluded.account, name = excluded.name`,
    key.accessKeyId,
    key.secretAccessKey,
    key.account,
    key.name,
  );
}

export function readAccessKey(database: Database, accessKeyId: string): AccessKey | null {
  const row = database.get<AccessKey>(`${selectAccessKey} WHERE access_key_id = ?`, accessKeyId);
  return row === undefined ? null : { ...row };
}

export function readAccessKeys(database: Database): AccessKey[] {
  return database.all<AccessKey>(`${selectAccessKey} ORDER BY access_key_id`).map((row) => ({ ...row }));
}
