-- What a login writes, on fewer pages. A refresh token is looked up together with its user, whose id the token names, so that
-- one key serves for both; the audit trail is pruned in the order of its ids; and what is swept or ended has an index for it.
ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_pkey, ADD PRIMARY KEY (user_id, jti);
DROP INDEX refresh_tokens_user;
DROP INDEX audit_events_at;
DROP INDEX used_codes_claimed;
CREATE INDEX used_codes_expires ON used_codes (expires);
CREATE INDEX login_attempts_user ON login_attempts (user_id) WHERE user_id IS NOT NULL;
