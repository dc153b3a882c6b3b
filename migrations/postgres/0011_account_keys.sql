-- Within what an account's uid is unique: the claim that it is, and the issuer or tenant where there are several. Empty: not
-- known, for rows from before and for imported ones; their next login sets it. legacy_uid: the import brought the row under a
-- key of an earlier release of django-rest-social-auth; such a row may be found by that key until LEGACY_UIDS_UNTIL.
ALTER TABLE social_accounts ADD COLUMN uid_scope TEXT NOT NULL DEFAULT '';
ALTER TABLE social_accounts ADD COLUMN legacy_uid BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE social_accounts DROP CONSTRAINT social_accounts_provider_uid_key,
    ADD UNIQUE (provider, uid, uid_scope);
CREATE INDEX social_accounts_legacy ON social_accounts (provider) WHERE legacy_uid;

-- The login of the user who made the authorization request was too old to link an account.
ALTER TABLE login_attempts ADD COLUMN needs_fresh_login BOOLEAN NOT NULL DEFAULT false;
