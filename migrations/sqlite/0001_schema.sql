-- The schema. Times are milliseconds since 1970 (Unix time) unless a comment names another unit. Credentials and codes are
-- stored as digests. Columns named encrypted_* hold AES-GCM ciphertexts whose key is not in the database.

-- Users, as in Django.
CREATE TABLE users (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    username              TEXT NOT NULL UNIQUE,
    first_name            TEXT NOT NULL DEFAULT '',
    last_name             TEXT NOT NULL DEFAULT '',
    email                 TEXT NOT NULL DEFAULT '',   -- as written; empty: none
    email_lower           TEXT NOT NULL DEFAULT '',   -- key for look-ups: lower case, domain in ASCII
    email_verified        INTEGER NOT NULL DEFAULT 0, -- whether email_verified_by asserted the address
    is_active             INTEGER NOT NULL DEFAULT 1,
    created               INTEGER NOT NULL,
    last_login            INTEGER,                    -- set by session logins; NULL: never
    revoked_before        INTEGER NOT NULL DEFAULT 0, -- seconds: JWTs without a gen claim whose iat is not later are revoked
    token_generation      INTEGER NOT NULL DEFAULT 0, -- changes when the permanent token is revoked
    fields                TEXT,                       -- JSON object: values of the declared fields, by name; NULL: none
    edited                TEXT,                       -- JSON list: names of the fields that the user edited; NULL: none
    email_verified_by     TEXT NOT NULL DEFAULT '',   -- provider that verified email; empty: the operator's webhook, or none
    link_generation       INTEGER NOT NULL DEFAULT 0, -- counts revocations; a link requested under an older value is refused
    credential_generation INTEGER NOT NULL DEFAULT 0  -- gen claim of valid JWTs: first created, grows when all credentials are revoked
) STRICT;
CREATE INDEX users_email ON users (email_lower) WHERE email_lower <> '';
-- For `users list --search`.
CREATE INDEX users_username_lower ON users (lower(username));
CREATE INDEX users_domain ON users (substr(email_lower, instr(email_lower, '@') + 1)) WHERE email_lower <> '';
-- The start of a first name, of a whole name and of a last name, and what follows the first word of a last name.
CREATE INDEX users_name_lower ON users (lower(first_name || ' ' || last_name)) WHERE first_name <> '';
CREATE INDEX users_last_name_lower ON users (lower(last_name)) WHERE last_name <> '';
CREATE INDEX users_later_name_lower ON users (lower(substr(last_name, instr(last_name, ' ') + 1)))
  WHERE instr(last_name, ' ') > 0;

-- Accounts at providers, by which users sign in.
CREATE TABLE social_accounts (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id          INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider         TEXT NOT NULL,
    uid              TEXT NOT NULL CHECK (uid <> ''), -- the user's id at the provider
    extra_data       TEXT NOT NULL,                   -- JSON object: the stored part of the profile
    created          INTEGER NOT NULL,
    modified         INTEGER NOT NULL,                -- changes with extra_data, always upwards
    encrypted_tokens BLOB,                            -- the provider's tokens; NULL: none (STORE_PROVIDER_TOKENS)
    lease_expires    INTEGER,                         -- until when one node refreshes the tokens; NULL: no node does
    uid_scope        TEXT NOT NULL DEFAULT '',        -- issuer or tenant in which uid is unique; empty: not known
    legacy_uid       INTEGER NOT NULL DEFAULT 0,      -- imported under a key of an earlier release (LEGACY_UIDS_UNTIL)
    UNIQUE (provider, uid, uid_scope)
) STRICT;
CREATE INDEX social_accounts_user ON social_accounts (user_id);
CREATE INDEX social_accounts_legacy ON social_accounts (provider) WHERE legacy_uid;

-- Sessions of browsers.
CREATE TABLE sessions (
    digest    BLOB PRIMARY KEY, -- SHA-256 of the session id
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    ip        TEXT,             -- address of the client at the login; NULL: not known
    agent     TEXT              -- its User-Agent header; NULL: not known
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);

-- Permanent tokens (DRF authtoken).
CREATE TABLE tokens (
    digest    BLOB PRIMARY KEY, -- SHA-256 of the token
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created   INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    ip        TEXT,             -- as in sessions
    agent     TEXT,             -- as in sessions
    signed_in INTEGER           -- the latest login with it; NULL: not known, as after an import
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_user ON tokens (user_id);

-- django-rest-knox tokens.
CREATE TABLE knox_tokens (
    digest    TEXT PRIMARY KEY, -- SHA-512 of the token, in hexadecimal digits
    token_key TEXT NOT NULL,    -- the first characters of the token
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created   INTEGER NOT NULL,
    expires   INTEGER,          -- NULL: never
    last_used INTEGER NOT NULL,
    ip        TEXT,             -- as in sessions
    agent     TEXT              -- as in sessions
) STRICT, WITHOUT ROWID;
CREATE INDEX knox_tokens_user ON knox_tokens (user_id);
CREATE INDEX knox_tokens_expires ON knox_tokens (expires);

-- Refresh and sliding JWTs. A token is looked up together with its user, so that one key serves for both.
CREATE TABLE refresh_tokens (
    user_id        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    jti            TEXT NOT NULL,    -- the jti claim
    family         TEXT NOT NULL,    -- jti of the token that the login issued: the family that rotation continues
    parent         TEXT,             -- jti of the token that this one replaced; NULL: a login or another server issued it
    kind           TEXT NOT NULL,    -- jwt-pair or jwt-sliding
    created        INTEGER NOT NULL,
    family_created INTEGER NOT NULL, -- start of the family's absolute lifetime
    expires        INTEGER NOT NULL, -- from then on no token of this row is accepted, and the row is not needed
    last_used      INTEGER NOT NULL,
    ip             TEXT,             -- as in sessions
    agent          TEXT,             -- as in sessions
    blacklisted    INTEGER,          -- when it was revoked or replaced; NULL: it is valid
    family_revoked INTEGER,          -- when its family was revoked, if it was valid until then; NULL: it was not
    signed_in      INTEGER,          -- the login of the family; NULL: not known, as after an import
    PRIMARY KEY (user_id, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires);
-- SQLite would prefer the primary key to an index that begins with user_id.
CREATE INDEX refresh_tokens_valid ON refresh_tokens (family) WHERE blacklisted IS NULL;
-- Read for each access token.
CREATE INDEX refresh_tokens_family_revoked ON refresh_tokens (user_id, family_revoked) WHERE family_revoked IS NOT NULL;

-- Back-ends that may introspect and revoke credentials. Removing a service deletes its row.
CREATE TABLE services (
    client_id TEXT PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    secret    BLOB NOT NULL,  -- SHA-256 of the client secret
    created   INTEGER NOT NULL,
    last_used INTEGER         -- accurate to five minutes; NULL: never
) STRICT, WITHOUT ROWID;

-- Keys that the server made to sign JWTs: an asymmetric SIMPLE_JWT_ALGORITHM without SIMPLE_JWT_SIGNING_KEY.
CREATE TABLE signing_keys (
    kid                   TEXT PRIMARY KEY, -- thumbprint of the public key (RFC 7638)
    algorithm             TEXT NOT NULL,    -- RS256, ES256 or EdDSA
    public_jwk            TEXT NOT NULL,    -- JSON object: the public key (RFC 7517)
    encrypted_private_key BLOB,             -- PKCS #8; NULL: retired
    state                 TEXT NOT NULL,    -- published, signing or retired
    created               INTEGER NOT NULL,
    signs_from            INTEGER,          -- since when it signs, or from when it is to sign; NULL: the schedule decides
    retired               INTEGER,          -- NULL: it is not retired
    expires               INTEGER           -- until when it verifies; NULL: it is not retired
) STRICT, WITHOUT ROWID;
-- The database decides which of several nodes makes a key, and which one rotates.
CREATE UNIQUE INDEX signing_keys_state ON signing_keys (algorithm, state) WHERE state <> 'retired';
CREATE INDEX signing_keys_expires ON signing_keys (expires);

-- Logins that were begun here: one row, one use.
CREATE TABLE authorization_requests (
    key                 BLOB PRIMARY KEY,           -- digest of the state (OAuth 1.0a: of the request token)
    provider            TEXT NOT NULL,
    redirect_uri        TEXT NOT NULL,
    browser             BLOB NOT NULL,              -- digest of the authorization request cookie
    flow                BLOB,                       -- digest of the flow token; NULL: OAuth 1.0a begun on a login route
    code_challenge      TEXT,                       -- the client's own PKCE challenge (S256); NULL: none
    encrypted_secret    BLOB,                       -- secret of the OAuth 1.0a request token; NULL: OAuth 2
    encrypted_options   BLOB,                       -- the application's own values and the max_age, encrypted with a key derived from the state; NULL: none
    user_id             INTEGER REFERENCES users (id) ON DELETE CASCADE, -- the user to link to; NULL: a login
    address             TEXT,                       -- JSON object: parts of the provider's address, such as shop; NULL: none
    server_redirect     TEXT,                       -- JSON object: how the server-side redirect flow ends; NULL: another flow
    created             INTEGER NOT NULL,
    expires             INTEGER NOT NULL,
    claimed             INTEGER,                    -- when it was used; NULL: it is open
    link_generation     INTEGER NOT NULL DEFAULT 0, -- users.link_generation when the link was requested
    needs_fresh_login   INTEGER NOT NULL DEFAULT 0  -- whether the caller's login was too old to link an account
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_requests_browser ON authorization_requests (browser);
CREATE INDEX authorization_requests_flow ON authorization_requests (flow);
CREATE INDEX authorization_requests_user ON authorization_requests (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX authorization_requests_expires ON authorization_requests (expires);

-- Authorization codes that were claimed: a code is sent to its provider once. Rows are in the order of their insertion, so that
-- the logins of a moment write their answers to the same pages.
CREATE TABLE used_codes (
    code             BLOB NOT NULL PRIMARY KEY, -- digest of provider and code
    binding          BLOB,             -- digest of the authorization request cookie or flow token that posted it; NULL: none
    claimed          INTEGER NOT NULL,
    expires          INTEGER NOT NULL,
    encrypted_answer BLOB,             -- the first answer, for an idempotent repeat; NULL: there is none yet
    owner            BLOB              -- digest of the client's network, if the claim is kept for hours; NULL: it is not
) STRICT;
CREATE INDEX used_codes_expires ON used_codes (expires);
-- For the share of an address.
CREATE INDEX used_codes_owner ON used_codes (owner, expires) WHERE owner IS NOT NULL;

-- Codes that a native app exchanges for the answer of a login.
CREATE TABLE one_time_codes (
    code             BLOB PRIMARY KEY, -- digest of the code
    code_challenge   TEXT,             -- the app's PKCE challenge (S256); NULL: none
    encrypted_answer BLOB NOT NULL,
    expires          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_codes_expires ON one_time_codes (expires);

-- Logins for which a pipeline step requires additional input.
CREATE TABLE pending_logins (
    token            BLOB PRIMARY KEY, -- digest of the flow token
    browser          BLOB,             -- digest of the authorization request cookie; NULL: none
    encrypted_login  BLOB NOT NULL,    -- the state of the pipeline
    user_id          INTEGER REFERENCES users (id) ON DELETE CASCADE, -- the user to link to; NULL: a login
    expires          INTEGER NOT NULL,
    completed        INTEGER,          -- when its input was accepted; NULL: it is open
    encrypted_answer BLOB              -- the answer to that input, for a repeat; NULL as long as completed is
) STRICT;
CREATE INDEX pending_logins_expires ON pending_logins (expires);
CREATE INDEX pending_logins_user ON pending_logins (user_id) WHERE user_id IS NOT NULL;

-- The audit log, without secrets. Rows outlive their users, so user_id is no foreign key.
CREATE TABLE audit_events (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    event      TEXT NOT NULL, -- such as sign_in or refused
    code       TEXT,          -- error code of a refusal, or a detail of the event; NULL: none
    provider   TEXT,          -- NULL: not about a provider
    kind       TEXT,          -- kind of the credential; NULL: not about one
    user_id    INTEGER,       -- NULL: not about a known user
    service    TEXT,          -- the service that called, or that the event is about; NULL: none
    ip         TEXT,
    agent      TEXT,
    request_id TEXT           -- the X-Request-Id of the answer; NULL: a command
) STRICT;
CREATE INDEX audit_events_user ON audit_events (user_id);
-- For the limit on stored refusals; a successful login writes no entry.
CREATE INDEX audit_events_refused ON audit_events (event, user_id, id) WHERE event = 'refused';
-- For pruning by time: in the order of ids, a row stamped in the future would hide all rows after it.
CREATE INDEX audit_events_at ON audit_events (at);

-- Webhook events to deliver (WEBHOOK_URL), written by the transaction that they report. Rows outlive their users.
CREATE TABLE webhook_events (
    id        TEXT PRIMARY KEY,
    type      TEXT NOT NULL, -- such as user.created
    user_id   INTEGER NOT NULL,
    body      TEXT NOT NULL, -- JSON, as it is signed and sent
    created   INTEGER NOT NULL,
    attempts  INTEGER NOT NULL DEFAULT 0,
    due       INTEGER,       -- when it is sent next, or the sender's lease ends; NULL: delivered or given up
    delivered INTEGER,       -- NULL: not delivered
    error     TEXT           -- why the last attempt failed; NULL: it did not
) STRICT;
CREATE INDEX webhook_events_due ON webhook_events (due) WHERE due IS NOT NULL;
CREATE INDEX webhook_events_created ON webhook_events (created);
CREATE INDEX webhook_events_user ON webhook_events (user_id);
CREATE INDEX webhook_events_dead ON webhook_events (created) WHERE due IS NULL AND delivered IS NULL;

-- The part of the rate limits that all nodes share (RATE_LIMIT_*). No index on expires: rows are few and often updated.
CREATE TABLE rate_limits (
    key     BLOB PRIMARY KEY, -- digest of the limit and of the address, the user or the provider
    expires INTEGER NOT NULL  -- when the limit is restored in full: each use adds its part of the period
) STRICT, WITHOUT ROWID;

-- One row, which /readyz writes to see whether the database accepts writes.
CREATE TABLE readiness_probe (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
