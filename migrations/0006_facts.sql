-- What there is one of, by name: `journal`, the id of the journal that all of this is about; `rewriting`, `yes` while
-- segments are being rewritten; `purged`, keyed hashes of the ids of calls that were removed for good.
CREATE TABLE facts (
    name TEXT COLLATE "binary" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
