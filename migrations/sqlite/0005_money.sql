-- Budgets: what each has spent and reserved in its period. Which budgets there are stands in the projects' policies.
CREATE TABLE budget_uses (
    project_id BLOB NOT NULL,
    period     TEXT NOT NULL CHECK (period IN ('hour', 'day', 'month')),
    country    TEXT NOT NULL, -- empty: every country
    currency   TEXT NOT NULL,
    starts_at  INTEGER NOT NULL, -- seconds since 1970
    reserved   INTEGER NOT NULL,
    spent      INTEGER NOT NULL,
    ceiling    INTEGER, -- the limit that the last reservation was held to
    overdrawn  BOOLEAN NOT NULL CHECK (NOT overdrawn), -- a reservation that passes the limit is refused by this
    alerted    INTEGER NOT NULL DEFAULT 0, -- the share, in thousandths, that was last told of
    PRIMARY KEY (project_id, period, country, currency, starts_at)
) WITHOUT ROWID;
CREATE INDEX budget_uses_period ON budget_uses (period, starts_at);

-- The rate card: what a message costs from a day on.
CREATE TABLE rates (
    channel   TEXT NOT NULL,
    provider  TEXT NOT NULL,
    country   TEXT NOT NULL, -- * is the rest of the world
    from_day  TEXT NOT NULL, -- YYYY-MM-DD
    unit      TEXT NOT NULL CHECK (unit IN ('message', 'segment')),
    amount    INTEGER NOT NULL,
    currency  TEXT NOT NULL,
    PRIMARY KEY (channel, provider, country, from_day)
);

-- What a provider said that is left, and whether it was told that it is little.
CREATE TABLE balances (
    provider    TEXT PRIMARY KEY,
    reported    INTEGER,
    currency    TEXT NOT NULL,
    reported_at TEXT,
    low         BOOLEAN NOT NULL DEFAULT false
);

-- Grows with each change of rates and exchange rates, so that replicas read them again.
INSERT INTO meta (name, value) VALUES ('tariffs', '1');
