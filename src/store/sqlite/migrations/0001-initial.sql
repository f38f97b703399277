-- Append-only: a released migration is never edited, a later one changes what it made.
-- Columns are what queries look at; everything else is JSON, typed in src/model.

CREATE TABLE resource (
  number INTEGER PRIMARY KEY,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  version INTEGER NOT NULL,
  status TEXT NOT NULL,
  tags TEXT NOT NULL,
  desired TEXT NOT NULL,
  observed TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  replication_group_id TEXT GENERATED ALWAYS AS (desired ->> '$.replicationGroupId') VIRTUAL,
  UNIQUE (account, region, kind, id),
  UNIQUE (kind, incarnation)
) STRICT;
CREATE INDEX resource_outside_groups ON resource (account, region, kind, id) WHERE replication_group_id IS NULL;

-- Who uses whom: written with each resource from `referencesOf`, always within one account and region.
CREATE TABLE resource_reference (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  referrer INTEGER NOT NULL REFERENCES resource (number) ON DELETE CASCADE,
  PRIMARY KEY (account, region, kind, id, referrer)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_reference_by_referrer ON resource_reference (referrer);

CREATE TABLE node (
  incarnation TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  cache_incarnation TEXT NOT NULL,
  cache_cluster_id TEXT NOT NULL,
  cache_node_id TEXT NOT NULL,
  replication_group_id TEXT,
  node_group_id TEXT,
  engine TEXT NOT NULL,
  engine_version TEXT NOT NULL,
  availability_zone TEXT NOT NULL,
  host TEXT NOT NULL,
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  status TEXT NOT NULL,
  intent TEXT NOT NULL,
  role TEXT,
  synced INTEGER NOT NULL CHECK (synced IN (0, 1)),
  handle TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX node_by_cache ON node (cache_incarnation);
CREATE INDEX node_by_host ON node (host, incarnation);
CREATE INDEX node_by_scope ON node (account, region);

CREATE TABLE node_group (
  cache_incarnation TEXT NOT NULL,
  node_group_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  slots TEXT NOT NULL,
  current_primary TEXT,
  target_primary TEXT,
  PRIMARY KEY (cache_incarnation, node_group_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoint (
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  cache_incarnation TEXT NOT NULL,
  purpose TEXT NOT NULL,
  node_group_id TEXT,
  node_incarnation TEXT,
  dns_name TEXT NOT NULL,
  holder TEXT,
  PRIMARY KEY (address, port)
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_by_cache ON endpoint (cache_incarnation);
CREATE INDEX endpoint_by_dns_name ON endpoint (dns_name);

CREATE TABLE resting_address (
  address TEXT PRIMARY KEY,
  rest_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
  id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  lock TEXT NOT NULL,
  input TEXT NOT NULL,
  state TEXT NOT NULL,
  status TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  sentence TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX operation_open ON operation (id) WHERE status IN ('queued', 'running');
CREATE INDEX operation_ended ON operation (lock, id) WHERE status IN ('finished', 'failed');
CREATE INDEX operation_ended_at ON operation (updated_at) WHERE status IN ('finished', 'failed');

-- AUTOINCREMENT: a number that a client holds as its paging marker is never given to a later event.
CREATE TABLE event (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source_id TEXT NOT NULL,
  message TEXT NOT NULL,
  event_id TEXT NOT NULL,
  date INTEGER NOT NULL
) STRICT;
CREATE INDEX event_by_scope ON event (account, region);
CREATE INDEX event_by_source ON event (account, region, source_type, source_id);
CREATE INDEX event_by_date ON event (date);

CREATE TABLE secret (
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_key (
  access_key_id TEXT PRIMARY KEY,
  secret_access_key TEXT NOT NULL,
  account TEXT NOT NULL,
  name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: how far this file has come, compared at each opening with the file `state.generation` beside it.
CREATE TABLE state_file (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  generation INTEGER NOT NULL
) STRICT;
INSERT INTO state_file VALUES (1, 0);
