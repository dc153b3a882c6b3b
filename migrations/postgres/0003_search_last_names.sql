-- no-transaction
-- For `users list --search`: the start of a last name.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_last_name_lower ON users ((lower(last_name)) text_pattern_ops) WHERE last_name <> '';
