-- Which destination a record was rejected by (empty: by none, it could not be fetched), since when and how often. Null in
-- rows of before.
ALTER TABLE rejected ADD COLUMN destination TEXT;
ALTER TABLE rejected ADD COLUMN first_at BIGINT;
ALTER TABLE rejected ADD COLUMN attempts BIGINT;
