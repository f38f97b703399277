-- What was made before TLS came speaks plain text.
ALTER TABLE node ADD COLUMN tls INTEGER NOT NULL DEFAULT 0 CHECK (tls IN (0, 1));
UPDATE resource SET desired = json_set(desired, '$.transitEncryption', 'off')
WHERE kind IN ('replication-group', 'cache-cluster');
