-- The record in its packed form; NULL: it is in `record`. Neither column is written anew here: rows change their form as they change.
ALTER TABLE verifications ADD COLUMN packed BLOB;
-- Whether the outcome of an attempt is unknown, while a task is left.
ALTER TABLE verifications ADD COLUMN is_unknown BOOLEAN NOT NULL DEFAULT false;
UPDATE verifications SET is_unknown = true WHERE wake_at IS NOT NULL AND record LIKE '%"status":"unknown"%';

-- Replicas that work. When one dies, another one wakes what it held.
CREATE TABLE replicas (
    owner       BIGINT PRIMARY KEY, -- as in verifications.lease_owner
    alive_until TEXT NOT NULL,
    oldest      BLOB NOT NULL -- it holds no verification before this one whose wake_at lies after its lease
);
