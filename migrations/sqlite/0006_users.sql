CREATE TABLE users (
    id              BLOB PRIMARY KEY,
    email           TEXT NOT NULL UNIQUE, -- in small letters
    role            TEXT NOT NULL CHECK (role IN ('owner', 'finance', 'support')),
    password        TEXT, -- argon2id, as a PHC string; NULL: none was set yet
    epoch           INTEGER NOT NULL, -- grows with each change that ends the user's sessions
    created_at      TEXT NOT NULL,
    last_sign_in_at TEXT,
    disabled_at     TEXT
);

CREATE TABLE user_sessions (
    hash       BLOB PRIMARY KEY, -- of the cookie
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch      INTEGER NOT NULL, -- the user's when it began: another one has ended it
    seen_at    TEXT NOT NULL, -- to some minutes
    expires_at TEXT NOT NULL -- however much it is used
);

CREATE INDEX user_sessions_expires ON user_sessions (expires_at);

CREATE TABLE user_links (
    hash       BLOB PRIMARY KEY, -- of the link's secret part
    kind       TEXT NOT NULL CHECK (kind IN ('sign_in', 'password', 'setup')),
    user_id    BLOB REFERENCES users (id) ON DELETE CASCADE, -- NULL: it makes the first one
    expires_at TEXT NOT NULL
);

CREATE INDEX user_links_expires ON user_links (expires_at);
CREATE INDEX user_links_user ON user_links (user_id);
