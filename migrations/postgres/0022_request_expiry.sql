-- What deletes expired authorization requests reads no other row; the oldest are those that expire first.
DROP INDEX login_attempts_created;
CREATE INDEX login_attempts_expires ON login_attempts (expires);
