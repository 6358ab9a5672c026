CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE projects (
    id         BLOB PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    overrides  TEXT NOT NULL, -- JSON: what the project sets otherwise than [defaults]
    created_at TEXT NOT NULL
);

CREATE TABLE api_keys (
    id         BLOB PRIMARY KEY,
    project_id BLOB REFERENCES projects (id), -- NULL: an instance key, for every project
    hash       BLOB NOT NULL UNIQUE,
    scopes     TEXT NOT NULL, -- comma-separated
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT
);

CREATE TABLE verifications (
    id          BLOB PRIMARY KEY,
    project_id  BLOB NOT NULL,
    version     INTEGER NOT NULL,
    change_id   INTEGER NOT NULL, -- of the change that wrote this version: asked for after a lost COMMIT
    status      TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'expired', 'canceled', 'locked', 'failed')),
    phone_index BLOB NOT NULL, -- keyed index of the number
    reuse_key   BLOB NOT NULL, -- keyed index of project, number, payload and own code
    sealed      BLOB NOT NULL, -- number, and the code while it is needed, encrypted
    code_hash   BLOB NOT NULL,
    record      TEXT NOT NULL, -- JSON: the rest of the state, which holds no secret
    wake_at     TEXT, -- when the next task is due; NULL: never again
    lease_owner INTEGER,
    lease_until TEXT
);

CREATE UNIQUE INDEX verifications_reuse ON verifications (reuse_key) WHERE status = 'pending';
CREATE INDEX verifications_phone ON verifications (phone_index, id);
CREATE INDEX verifications_wake ON verifications (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE ledger (
    id              BLOB PRIMARY KEY, -- follows from its cause, so no cause is booked twice
    at              TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('charge', 'refund', 'top_up', 'adjustment')),
    basis           TEXT NOT NULL CHECK (basis IN ('reported', 'documented', 'estimated', 'manual')),
    amount          INTEGER NOT NULL, -- micro-units of the currency; negative is money that left
    currency        TEXT NOT NULL,
    provider        TEXT NOT NULL,
    project_id      BLOB,
    verification_id BLOB,
    attempt_id      BLOB,
    author          TEXT,
    note            TEXT
);

CREATE INDEX ledger_at ON ledger (at, id);

CREATE TABLE idempotency (
    key_hash     BLOB PRIMARY KEY, -- of project, path and Idempotency-Key
    request_hash BLOB NOT NULL, -- of the raw body
    claim        INTEGER NOT NULL, -- whose request runs under it
    answer       TEXT, -- JSON: status and ids to render the answer from; NULL while it runs
    expires_at   TEXT NOT NULL
);

CREATE INDEX idempotency_expires ON idempotency (expires_at);
