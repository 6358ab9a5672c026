-- What the guard has counted by country, range, autonomous system and host, once a minute: what is known of it after a restart.
CREATE TABLE guard_cells (
    project_id BLOB NOT NULL,
    cell       TEXT NOT NULL,
    counted    TEXT NOT NULL, -- JSON
    saved_at   BIGINT NOT NULL, -- in microseconds since 1970
    PRIMARY KEY (project_id, cell)
);

CREATE INDEX guard_cells_saved ON guard_cells (saved_at);
