-- Verifications that ended two days ago or earlier. `verifications` keeps what is pending, due or recent.
CREATE TABLE past_verifications (
    id          BLOB PRIMARY KEY, -- in order of time
    project_id  BLOB NOT NULL,
    version     INTEGER NOT NULL,
    change_id   INTEGER NOT NULL,
    status      TEXT NOT NULL,
    phone_index BLOB NOT NULL,
    reuse_key   BLOB NOT NULL,
    sealed      BLOB NOT NULL,
    code_hash   BLOB NOT NULL,
    record      TEXT NOT NULL,
    packed      BLOB
);
CREATE INDEX past_verifications_phone ON past_verifications (phone_index, id);
CREATE INDEX past_verifications_project ON past_verifications (project_id, id);
CREATE INDEX past_verifications_ended ON past_verifications (status, id) WHERE status NOT IN ('approved', 'pending');
CREATE INDEX past_verifications_project_ended ON past_verifications (project_id, status, id) WHERE status NOT IN ('approved', 'pending');

-- What forms of rows a replica reads, as on Postgres.
ALTER TABLE replicas ADD COLUMN knows BIGINT NOT NULL DEFAULT 0;
