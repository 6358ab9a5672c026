CREATE TABLE webhooks (
    id              UUID PRIMARY KEY,
    project_id      UUID NOT NULL REFERENCES projects (id),
    url             TEXT NOT NULL,
    events          TEXT NOT NULL, -- comma-separated; * for all
    description     TEXT NOT NULL,
    secret          BYTEA NOT NULL, -- encrypted
    previous_secret BYTEA, -- encrypted; signs too until previous_until
    previous_until  TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE webhook_deliveries (
    id              UUID PRIMARY KEY, -- the message's webhook-id, the same in each try
    webhook_id      UUID NOT NULL,
    event           TEXT NOT NULL,
    at              TIMESTAMPTZ NOT NULL, -- of the event
    verification_id UUID, -- what the message is rendered from when it is sent
    data            TEXT, -- JSON: the data of a message that is about no verification
    state           TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    due_at          TIMESTAMPTZ, -- of the next try; while one runs, when it counts as lost. NULL: none will come
    tried           BIGINT NOT NULL, -- tries in all
    round           BIGINT NOT NULL, -- tries since it was made or redelivered: a place in the table of pauses
    history         TEXT NOT NULL -- JSON: the newest tries
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (webhook_id, id);
