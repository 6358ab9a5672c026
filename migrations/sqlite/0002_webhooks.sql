CREATE TABLE webhooks (
    id              BLOB PRIMARY KEY,
    project_id      BLOB NOT NULL REFERENCES projects (id),
    url             TEXT NOT NULL,
    events          TEXT NOT NULL, -- comma-separated; * for all
    description     TEXT NOT NULL,
    secret          BLOB NOT NULL, -- encrypted
    previous_secret BLOB, -- encrypted; signs too until previous_until
    previous_until  TEXT,
    created_at      TEXT NOT NULL
);

CREATE TABLE webhook_deliveries (
    id              BLOB PRIMARY KEY, -- the message's webhook-id, the same in each try
    webhook_id      BLOB NOT NULL,
    event           TEXT NOT NULL,
    at              TEXT NOT NULL, -- of the event
    verification_id BLOB, -- what the message is rendered from when it is sent
    data            TEXT, -- JSON: the data of a message that is about no verification
    state           TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    due_at          TEXT, -- of the next try; while one runs, when it counts as lost. NULL: none will come
    tried           INTEGER NOT NULL, -- tries in all
    round           INTEGER NOT NULL, -- tries since it was made or redelivered: a place in the table of pauses
    history         TEXT NOT NULL -- JSON: the newest tries
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (webhook_id, id);
