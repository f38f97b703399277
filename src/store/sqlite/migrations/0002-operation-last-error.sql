-- Why the last attempt of an operation's present step failed; null when none did.
ALTER TABLE operation ADD COLUMN last_error TEXT;
