-- Endpoints and settings are written over the version that was read, as all other rows are.
ALTER TABLE endpoint ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE setting ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
