CREATE TABLE users (
    id              UUID PRIMARY KEY,
    email           TEXT NOT NULL UNIQUE, -- in small letters
    role            TEXT NOT NULL CHECK (role IN ('owner', 'finance', 'support')),
    password        TEXT, -- argon2id, as a PHC string; NULL: none was set yet
    epoch           BIGINT NOT NULL, -- grows with each change that ends the user's sessions
    created_at      TIMESTAMPTZ NOT NULL,
    last_sign_in_at TIMESTAMPTZ,
    disabled_at     TIMESTAMPTZ
);

CREATE TABLE user_sessions (
    hash       BYTEA PRIMARY KEY, -- of the cookie
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch      BIGINT NOT NULL, -- the user's when it began: another one has ended it
    seen_at    TIMESTAMPTZ NOT NULL, -- to some minutes
    expires_at TIMESTAMPTZ NOT NULL -- however much it is used
);

CREATE INDEX user_sessions_expires ON user_sessions (expires_at);

CREATE TABLE user_links (
    hash       BYTEA PRIMARY KEY, -- of the link's secret part
    kind       TEXT NOT NULL CHECK (kind IN ('sign_in', 'password', 'setup')),
    user_id    UUID REFERENCES users (id) ON DELETE CASCADE, -- NULL: it makes the first one
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX user_links_expires ON user_links (expires_at);
CREATE INDEX user_links_user ON user_links (user_id);
