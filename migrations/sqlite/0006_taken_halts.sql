-- A halted login is taken by the very transaction that ends it, and keeps the answer for whoever posts twice.
ALTER TABLE halted_logins ADD COLUMN taken INTEGER;
ALTER TABLE halted_logins ADD COLUMN answer BLOB; -- sealed; there once it is taken
