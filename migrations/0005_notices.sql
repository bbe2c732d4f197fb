-- Notifications that a call is worth fetching now. `call_id` is null once the call is queued; the notification's own id
-- stays for a while, so that it is recognised when it comes again.
CREATE TABLE notices (
    id TEXT COLLATE "binary" NOT NULL PRIMARY KEY,
    call_id TEXT COLLATE "binary",
    taken_at BIGINT NOT NULL
);
CREATE INDEX notices_waiting ON notices (taken_at, id) WHERE call_id IS NOT NULL;
CREATE INDEX notices_by_time ON notices (taken_at);
