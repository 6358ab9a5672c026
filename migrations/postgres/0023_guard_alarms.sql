-- What projects were told of suspicious traffic lately. Times are in seconds since 1970.
CREATE TABLE guard_alarms (
    project_id UUID NOT NULL,
    rule       TEXT NOT NULL, -- 'more': that there are more than are told of
    cell       TEXT NOT NULL,
    told_at    BIGINT NOT NULL,
    ended_at   BIGINT, -- NULL: it goes on, or nobody said that it is over
    PRIMARY KEY (project_id, rule, cell)
);

CREATE INDEX guard_alarms_told ON guard_alarms (told_at);
