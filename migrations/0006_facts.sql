-- What there is one of, by name: `journal`, the id of the journal that all of this is about; `rewriting`, `yes` while
-- segments are being rewritten.
CREATE TABLE facts (
    name TEXT COLLATE "binary" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
