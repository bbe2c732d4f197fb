-- How often in a row a lead could not be read, and until when it is left alone for that. Null in rows of before.
ALTER TABLE leads ADD COLUMN attempts BIGINT;
ALTER TABLE leads ADD COLUMN rests_until BIGINT;
