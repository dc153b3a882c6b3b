-- Logins that wait for what the person must answer, sealed with a key derived from their flow token.

CREATE TABLE halted_logins (
    token   BLOB    PRIMARY KEY, -- digest of the flow token
    browser BLOB,                -- digest of the attempt cookie, where the login came with one
    sealed  BLOB    NOT NULL,
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, -- whom it is to be linked to
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX halted_logins_expires ON halted_logins (expires);
CREATE INDEX halted_logins_user ON halted_logins (user_id) WHERE user_id IS NOT NULL;
