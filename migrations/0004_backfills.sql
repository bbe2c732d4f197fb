-- Historical loads. `in_hand_*` is the slice that is being listed; all four are there or none.
CREATE TABLE backfills (
    id TEXT COLLATE "binary" NOT NULL PRIMARY KEY,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    begun_at BIGINT NOT NULL,
    expected BIGINT NOT NULL,
    planned BIGINT NOT NULL,
    listed BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    in_hand_from BIGINT,
    in_hand_to BIGINT,
    in_hand_listed_to BIGINT,
    in_hand_rows BIGINT,
    ended_at BIGINT
);
