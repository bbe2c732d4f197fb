-- What streams are asked for by a value that other records name: CRM ids, ids of playlists. `asked_at` is the smallest
-- number for what was never asked for; `missing` says that the answer was a 404.
CREATE TABLE leads (
    stream TEXT COLLATE "binary" NOT NULL,
    key TEXT COLLATE "binary" NOT NULL,
    asked_at BIGINT NOT NULL,
    missing BIGINT NOT NULL,
    PRIMARY KEY (stream, key)
);
CREATE INDEX leads_by_turn ON leads (stream, asked_at, key);

-- Progress that is no time, by name.
CREATE TABLE marks (
    name TEXT COLLATE "binary" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
