-- Reports: what each quarter of an hour adds, and the sums over quarters, hours, days and all time.

ALTER TABLE ledger ADD COLUMN channel TEXT;
ALTER TABLE ledger ADD COLUMN country TEXT;
UPDATE ledger SET channel = CASE WHEN provider = 'telegram' THEN 'telegram' ELSE 'sms' END,
    country = (SELECT v.record::jsonb ->> 'country' FROM verifications v WHERE v.id = ledger.verification_id)
    WHERE attempt_id IS NOT NULL;

-- Written in the change that they come from, and summed a moment later.
CREATE TABLE tallies (
    id         BIGINT PRIMARY KEY, -- drawn at random
    starts_at  BIGINT NOT NULL, -- seconds since 1970, at a quarter of an hour
    project_id UUID NOT NULL, -- nil: the account as a whole
    channel    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    country    TEXT NOT NULL,
    currency   TEXT NOT NULL, -- empty for counts
    measure    BIGINT NOT NULL,
    bin        BIGINT, -- how long it took
    value      BIGINT NOT NULL
);

CREATE TABLE rollups (
    span       BIGINT NOT NULL, -- seconds: 900, 3600, 86400; 0: all time, which starts at 0
    starts_at  BIGINT NOT NULL,
    project_id UUID NOT NULL,
    channel    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    country    TEXT NOT NULL,
    currency   TEXT NOT NULL,
    verifications BIGINT NOT NULL DEFAULT 0,
    verifications_sent BIGINT NOT NULL DEFAULT 0,
    verifications_delivered BIGINT NOT NULL DEFAULT 0,
    verifications_read BIGINT NOT NULL DEFAULT 0,
    verifications_approved BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    attempts_sent BIGINT NOT NULL DEFAULT 0,
    attempts_delivered BIGINT NOT NULL DEFAULT 0,
    attempts_read BIGINT NOT NULL DEFAULT 0,
    attempts_approved BIGINT NOT NULL DEFAULT 0,
    charged BIGINT NOT NULL DEFAULT 0,
    refunded BIGINT NOT NULL DEFAULT 0,
    expected BIGINT NOT NULL DEFAULT 0,
    sms_equivalent BIGINT NOT NULL DEFAULT 0,
    other BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (span, starts_at, project_id, channel, provider, country, currency)
);

-- How long stages took, as a histogram.
CREATE TABLE rollup_times (
    span       BIGINT NOT NULL,
    starts_at  BIGINT NOT NULL,
    project_id UUID NOT NULL,
    channel    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    country    TEXT NOT NULL,
    bin        BIGINT NOT NULL,
    verifications_sent BIGINT NOT NULL DEFAULT 0,
    verifications_delivered BIGINT NOT NULL DEFAULT 0,
    verifications_read BIGINT NOT NULL DEFAULT 0,
    verifications_approved BIGINT NOT NULL DEFAULT 0,
    attempts_sent BIGINT NOT NULL DEFAULT 0,
    attempts_delivered BIGINT NOT NULL DEFAULT 0,
    attempts_read BIGINT NOT NULL DEFAULT 0,
    attempts_approved BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (span, starts_at, project_id, channel, provider, country, bin)
);

-- Grows with each summing: a rebuild sees by it whether one came in between. 'new': there may be history to sum.
INSERT INTO meta (name, value) VALUES ('rollups', CASE WHEN EXISTS (SELECT 1 FROM verifications) THEN 'new' ELSE '1' END);

-- What one unit of a currency is worth in another, from a day on.
CREATE TABLE exchange_rates (
    day  TEXT NOT NULL, -- YYYY-MM-DD
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    rate BIGINT NOT NULL CHECK (rate > 0), -- in 10^-12
    PRIMARY KEY (base, quote, day)
);
