-- no-transaction
-- For `users list --search`: the start of a first name, and of a whole name.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_name_lower ON users ((lower(first_name || ' ' || last_name)) text_pattern_ops) WHERE first_name <> '';
