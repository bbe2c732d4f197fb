-- Calls that a listing of their time does not show are looked for by it.
CREATE INDEX known_by_time ON known (stream, time_at, key);
-- How many complete snapshots in a row did not show the record.
ALTER TABLE known ADD COLUMN absent BIGINT NOT NULL DEFAULT 0;
