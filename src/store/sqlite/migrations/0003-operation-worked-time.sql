-- For how long Limbers have worked on an operation's present step, milliseconds: its waits are limited by that.
ALTER TABLE operation ADD COLUMN worked_ms INTEGER NOT NULL DEFAULT 0;
