-- Decisions of the guard that say something; the unremarkable ones are in their verifications alone.
CREATE TABLE guard_decisions (
    id              BLOB PRIMARY KEY, -- of its time, a UUIDv7
    at              TEXT NOT NULL,
    project_id      BLOB NOT NULL,
    verification_id BLOB, -- NULL: it was denied, so none was kept
    what            TEXT NOT NULL CHECK (what IN ('create', 'resend', 'fallback')),
    outcome         TEXT NOT NULL CHECK (outcome IN ('allow', 'challenge', 'deny')),
    country         TEXT NOT NULL,
    prefix          TEXT NOT NULL, -- the number without its last four digits
    prefix_hash     TEXT NOT NULL, -- the same as a keyed hash, as figures count it
    count           BIGINT NOT NULL, -- more than 1: the first of so many alike
    rules           TEXT NOT NULL, -- the names of those that fired, each between spaces
    record          TEXT NOT NULL
);

CREATE INDEX guard_decisions_project ON guard_decisions (project_id, id);
CREATE INDEX guard_decisions_verification ON guard_decisions (verification_id) WHERE verification_id IS NOT NULL;
CREATE INDEX guard_decisions_prefix ON guard_decisions (project_id, prefix_hash);
