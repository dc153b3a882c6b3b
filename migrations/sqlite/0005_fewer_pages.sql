-- What a login writes, on fewer pages. A refresh token is looked up together with its user, whose id the token names, so that
-- one key serves for both; the audit trail is pruned in the order of its ids; and what is swept or ended has an index for it.
CREATE TABLE refresh_tokens_by_user (
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    jti         TEXT    NOT NULL,
    family      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    last_used   INTEGER NOT NULL,
    ip          TEXT,
    agent       TEXT,
    successor   TEXT,
    blacklisted INTEGER,
    signed_in   INTEGER,
    PRIMARY KEY (user_id, jti)
) STRICT, WITHOUT ROWID;
INSERT INTO refresh_tokens_by_user
    SELECT user_id, jti, family, kind, created, expires, last_used, ip, agent, successor, blacklisted, signed_in
    FROM refresh_tokens;
DROP TABLE refresh_tokens;
ALTER TABLE refresh_tokens_by_user RENAME TO refresh_tokens;
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires);

CREATE TABLE audit_trail (
    id         INTEGER PRIMARY KEY,
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
INSERT INTO audit_trail
    SELECT id, at, event, code, provider, kind, user_id, ip, agent, request_id FROM audit_events ORDER BY id;
DROP TABLE audit_events;
ALTER TABLE audit_trail RENAME TO audit_events;
CREATE INDEX audit_events_user ON audit_events (user_id);

DROP INDEX used_codes_claimed;
CREATE INDEX used_codes_expires ON used_codes (expires);
CREATE INDEX login_attempts_user ON login_attempts (user_id) WHERE user_id IS NOT NULL;
