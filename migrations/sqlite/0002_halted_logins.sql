-- Logins that wait for what the person must answer, sealed with a key derived from their flow token.

CREATE TABLE halted_logins (
    token   BLOB    PRIMARY KEY, -- digest of the flow token
    browser BLOB,                -- digest of the attempt cookie, where the login came with one
    sealed  BLOB    NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX halted_logins_expires ON halted_logins (expires);
