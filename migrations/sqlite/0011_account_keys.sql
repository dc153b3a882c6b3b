-- Within what an account's uid is unique: the claim that it is, and the issuer or tenant where there are several. Empty: not
-- known, for rows from before and for imported ones; their next login sets it. legacy_uid: the import brought the row under a
-- key of an earlier release of django-rest-social-auth; such a row may be found by that key until LEGACY_UIDS_UNTIL.
CREATE TABLE social_accounts_by_scope (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider   TEXT    NOT NULL,
    uid        TEXT    NOT NULL CHECK (uid <> ''),
    extra_data TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    modified   INTEGER NOT NULL,
    tokens     BLOB, -- the provider's tokens, encrypted; only with STORE_PROVIDER_TOKENS
    leased     INTEGER, -- until when they are being refreshed
    uid_scope  TEXT    NOT NULL DEFAULT '',
    legacy_uid INTEGER NOT NULL DEFAULT 0,
    UNIQUE (provider, uid, uid_scope)
) STRICT;
INSERT INTO social_accounts_by_scope (id, user_id, provider, uid, extra_data, created, modified, tokens, leased)
    SELECT id, user_id, provider, uid, extra_data, created, modified, tokens, leased FROM social_accounts;
-- Ids that were reserved stay reserved.
DELETE FROM sqlite_sequence WHERE name = 'social_accounts_by_scope';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'social_accounts_by_scope', seq FROM sqlite_sequence WHERE name = 'social_accounts';
DROP TABLE social_accounts;
ALTER TABLE social_accounts_by_scope RENAME TO social_accounts;
CREATE INDEX social_accounts_user ON social_accounts (user_id);
CREATE INDEX social_accounts_legacy ON social_accounts (provider) WHERE legacy_uid;

-- The login of the user who made the authorization request was too old to link an account.
ALTER TABLE login_attempts ADD COLUMN needs_fresh_login INTEGER NOT NULL DEFAULT 0;
