-- Reasons in tens, so that a new one finds room between two others without moving them:
-- 0 on demand, 10 ready, 20 changed, 25 missing, 30 backfill, 40 reread, 50 generation.
UPDATE queue SET priority = (priority + 1) * 10;
