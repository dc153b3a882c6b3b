-- Changes whenever every credential of the user is revoked, and begins with the time of creation: a JWT names the value it was
-- issued under, so that it holds for no other user of the same id and does not depend on clocks that agree.
ALTER TABLE users ADD COLUMN credential_generation BIGINT NOT NULL DEFAULT 0;
UPDATE users SET credential_generation = created;

-- One row, written by /readyz: whether a login could be written now.
CREATE TABLE readiness_probe (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL
);
