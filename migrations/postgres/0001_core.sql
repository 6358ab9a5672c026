CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE projects (
    id         UUID PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    overrides  TEXT NOT NULL, -- JSON: what the project sets otherwise than [defaults]
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE api_keys (
    id         UUID PRIMARY KEY,
    project_id UUID REFERENCES projects (id), -- NULL: an instance key, for every project
    hash       BYTEA NOT NULL UNIQUE,
    scopes     TEXT NOT NULL, -- comma-separated
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);

CREATE TABLE verifications (
    id          UUID PRIMARY KEY,
    project_id  UUID NOT NULL,
    version     BIGINT NOT NULL,
    change_id   BIGINT NOT NULL, -- of the change that wrote this version: asked for after a lost COMMIT
    status      TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'expired', 'canceled', 'locked', 'failed')),
    phone_index BYTEA NOT NULL, -- keyed index of the number
    reuse_key   BYTEA NOT NULL, -- keyed index of project, number, payload and own code
    sealed      BYTEA NOT NULL, -- number, and the code while it is needed, encrypted
    code_hash   BYTEA NOT NULL,
    record      TEXT NOT NULL, -- JSON: the rest of the state, which holds no secret
    wake_at     TIMESTAMPTZ, -- when the next task is due; NULL: never again
    lease_owner BIGINT,
    lease_until TIMESTAMPTZ
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX verifications_reuse ON verifications (reuse_key) WHERE status = 'pending';
CREATE INDEX verifications_phone ON verifications (phone_index, id);
CREATE INDEX verifications_wake ON verifications (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE ledger (
    id              UUID PRIMARY KEY, -- follows from its cause, so no cause is booked twice
    at              TIMESTAMPTZ NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('charge', 'refund', 'top_up', 'adjustment')),
    basis           TEXT NOT NULL CHECK (basis IN ('reported', 'documented', 'estimated', 'manual')),
    amount          BIGINT NOT NULL, -- micro-units of the currency; negative is money that left
    currency        TEXT NOT NULL,
    provider        TEXT NOT NULL,
    project_id      UUID,
    verification_id UUID,
    attempt_id      UUID,
    author          TEXT,
    note            TEXT
);

CREATE INDEX ledger_at ON ledger (at, id);

CREATE TABLE idempotency (
    key_hash     BYTEA PRIMARY KEY, -- of project, path and Idempotency-Key
    request_hash BYTEA NOT NULL, -- of the raw body
    claim        BIGINT NOT NULL, -- whose request runs under it
    answer       TEXT, -- JSON: status and ids to render the answer from; NULL while it runs
    expires_at   TIMESTAMPTZ NOT NULL
);

CREATE INDEX idempotency_expires ON idempotency (expires_at);
