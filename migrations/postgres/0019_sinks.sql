-- Where events go besides webhooks, as configured. The messages are in webhook_deliveries, under the sink's id.
CREATE TABLE sinks (
    id         UUID PRIMARY KEY, -- a hash of the name
    name       TEXT NOT NULL,
    holder     BIGINT NOT NULL, -- the replica that sends, and no other meanwhile, so that messages keep their order
    held_until TIMESTAMPTZ NOT NULL
);

-- To count and redeliver them.
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (webhook_id, id) WHERE state = 'dead';
