-- Hosts that requests in a dialect named for their reports. The reports themselves are in webhook_deliveries, under the host's id.
CREATE TABLE report_hosts (
    id          UUID PRIMARY KEY, -- a hash of the project and the host
    project_id  UUID NOT NULL REFERENCES projects (id),
    seen_at     TIMESTAMPTZ NOT NULL, -- when a request last named it
    failed      BIGINT NOT NULL, -- tries in a row
    rests_until TIMESTAMPTZ -- nothing is sent before
);

CREATE INDEX report_hosts_seen ON report_hosts (project_id, seen_at);
