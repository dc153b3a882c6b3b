-- no-transaction
-- For `users list --search`: what follows the first word of a last name.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_later_name_lower ON users ((lower(substr(last_name, strpos(last_name, ' ') + 1))) text_pattern_ops)
  WHERE strpos(last_name, ' ') > 0;
