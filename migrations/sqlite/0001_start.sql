-- Times are milliseconds since 1970 unless a comment says otherwise. Whatever authenticates is kept as a digest.

CREATE TABLE users (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    username         TEXT    NOT NULL UNIQUE,
    first_name       TEXT    NOT NULL DEFAULT '',
    last_name        TEXT    NOT NULL DEFAULT '',
    email            TEXT    NOT NULL DEFAULT '',
    email_lower      TEXT    NOT NULL DEFAULT '',
    email_verified   INTEGER NOT NULL DEFAULT 0,
    is_active        INTEGER NOT NULL DEFAULT 1,
    created          INTEGER NOT NULL,
    last_login       INTEGER,
    revoked_before   INTEGER NOT NULL DEFAULT 0, -- seconds, as in the iat claim
    token_generation INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX users_email ON users (email_lower) WHERE email_lower <> '';

CREATE TABLE social_accounts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider   TEXT    NOT NULL,
    uid        TEXT    NOT NULL CHECK (uid <> ''),
    extra_data TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    modified   INTEGER NOT NULL,
    tokens     BLOB, -- the provider's tokens, sealed; only with STORE_PROVIDER_TOKENS
    leased     INTEGER, -- until when somebody is refreshing them
    UNIQUE (provider, uid)
) STRICT;
CREATE INDEX social_accounts_user ON social_accounts (user_id);

CREATE TABLE sessions (
    digest    BLOB    PRIMARY KEY,
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    ip        TEXT,
    agent     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE tokens (
    digest    BLOB    PRIMARY KEY,
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created   INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    ip        TEXT,
    agent     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE knox_tokens (
    digest    TEXT    PRIMARY KEY,
    token_key TEXT    NOT NULL,
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER NOT NULL,
    ip        TEXT,
    agent     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX knox_tokens_user ON knox_tokens (user_id);
CREATE INDEX knox_tokens_expires ON knox_tokens (expires);

CREATE TABLE refresh_tokens (
    jti         TEXT    PRIMARY KEY,
    family      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    last_used   INTEGER NOT NULL,
    ip          TEXT,
    agent       TEXT,
    successor   TEXT,
    blacklisted INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires);

CREATE TABLE login_attempts (
    key            BLOB    PRIMARY KEY,
    provider       TEXT    NOT NULL,
    redirect_uri   TEXT    NOT NULL,
    browser        BLOB,
    flow           BLOB,
    classic        INTEGER NOT NULL,
    code_challenge TEXT,
    sealed_secret  BLOB,
    user_id        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    address        TEXT,
    landing        TEXT,
    created        INTEGER NOT NULL,
    expires        INTEGER NOT NULL,
    claimed        INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX login_attempts_browser ON login_attempts (browser);
CREATE INDEX login_attempts_flow ON login_attempts (flow);
CREATE INDEX login_attempts_created ON login_attempts (created);

CREATE TABLE used_codes (
    code    BLOB    PRIMARY KEY,
    binding BLOB,
    claimed INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    answer  BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX used_codes_claimed ON used_codes (claimed);

CREATE TABLE swap_codes (
    code           BLOB    PRIMARY KEY,
    code_challenge TEXT,
    answer         BLOB    NOT NULL,
    expires        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX swap_codes_expires ON swap_codes (expires);

-- What happened, without a secret. Rows outlive their users, so user_id is no foreign key.
CREATE TABLE audit_events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    code       TEXT,
    provider   TEXT,
    kind       TEXT,
    user_id    INTEGER,
    ip         TEXT,
    agent      TEXT,
    request_id TEXT
) STRICT;
CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_user ON audit_events (user_id);
