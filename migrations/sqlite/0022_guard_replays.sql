-- Back-tests of the guard's rules. What one has found is kept as it was written, so that it stays the same.
CREATE TABLE guard_replays (
    id         BLOB PRIMARY KEY, -- of its time, a UUIDv7
    project_id BLOB, -- NULL: of every project
    asked      TEXT NOT NULL, -- the span and the rules, as JSON
    state      TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    progress   BIGINT NOT NULL, -- in thousandths
    answer     TEXT, -- what it found, or why it failed
    held_until TEXT -- by the replica that works on it; NULL: none does yet
);

CREATE INDEX guard_replays_running ON guard_replays (id) WHERE state = 'running';
