-- Verifications that ended two days ago or earlier, by the week in which they were made. `verifications` keeps what is pending, due or
-- recent. A build before this one does not read them, so nothing is moved while one runs (replicas.knows).
CREATE TABLE past_verifications (
    id          UUID PRIMARY KEY, -- in order of time
    project_id  UUID NOT NULL,
    version     BIGINT NOT NULL,
    change_id   BIGINT NOT NULL,
    status      TEXT NOT NULL,
    phone_index BYTEA NOT NULL,
    reuse_key   BYTEA NOT NULL,
    sealed      BYTEA NOT NULL,
    code_hash   BYTEA NOT NULL,
    record      TEXT NOT NULL,
    packed      BYTEA
) PARTITION BY RANGE (id);
CREATE INDEX past_verifications_phone ON past_verifications (phone_index, id);
CREATE INDEX past_verifications_project ON past_verifications (project_id, id);
CREATE INDEX past_verifications_ended ON past_verifications (status, id) WHERE status NOT IN ('approved', 'pending');
CREATE INDEX past_verifications_project_ended ON past_verifications (project_id, status, id) WHERE status NOT IN ('approved', 'pending');

-- What forms of rows a replica reads: newer ones are written once all that run read them. 0: a build before this column.
ALTER TABLE replicas ADD COLUMN knows BIGINT NOT NULL DEFAULT 0;

-- Webhook messages by week. The old table becomes the first partition; its rows are read once, for its bound.
ALTER TABLE webhook_deliveries RENAME TO webhook_deliveries_before;
ALTER INDEX webhook_deliveries_pkey RENAME TO webhook_deliveries_before_pkey;
ALTER INDEX webhook_deliveries_due RENAME TO webhook_deliveries_before_due;
ALTER INDEX webhook_deliveries_list RENAME TO webhook_deliveries_before_list;
CREATE TABLE webhook_deliveries (LIKE webhook_deliveries_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (id))
    PARTITION BY RANGE (id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (webhook_id, id);
DO $$
DECLARE
    week CONSTANT BIGINT := 604800000;
    newest BIGINT; -- milliseconds since 1970, as ids begin with
    bound BIGINT;
BEGIN
    SELECT ('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint INTO newest
        FROM webhook_deliveries_before ORDER BY id DESC LIMIT 1;
    bound := GREATEST(COALESCE(newest, 0), (extract(epoch FROM now()) * 1000)::bigint);
    -- Weeks begin on Mondays; 1970 began on a Thursday.
    bound := ((bound - 345600000) / week + 1) * week + 345600000;
    EXECUTE format('ALTER TABLE webhook_deliveries ATTACH PARTITION webhook_deliveries_before FOR VALUES FROM (MINVALUE) TO (%L)',
        (lpad(to_hex(bound), 12, '0') || repeat('0', 20))::uuid);
END $$;
-- For ids of a time that has no partition: a clock that is far off. It is empty otherwise.
CREATE TABLE webhook_deliveries_rest PARTITION OF webhook_deliveries DEFAULT;
