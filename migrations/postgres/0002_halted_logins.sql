-- Logins that wait for what the person must answer, sealed with a key derived from their flow token.

CREATE TABLE halted_logins (
    token   BYTEA  PRIMARY KEY, -- digest of the flow token
    browser BYTEA,              -- digest of the attempt cookie, where the login came with one
    sealed  BYTEA  NOT NULL,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE, -- whom it is to be linked to
    expires BIGINT NOT NULL
);
CREATE INDEX halted_logins_expires ON halted_logins (expires);
CREATE INDEX halted_logins_user ON halted_logins (user_id) WHERE user_id IS NOT NULL;
