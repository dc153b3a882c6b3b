-- A halted login is taken by the very transaction that ends it, and keeps the answer for whoever posts twice.
ALTER TABLE halted_logins ADD COLUMN taken BIGINT;
ALTER TABLE halted_logins ADD COLUMN answer BYTEA; -- sealed; there once it is taken
