-- no-transaction
-- For `users list --search`: the domain of an e-mail address.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_domain ON users ((substr(email_lower, strpos(email_lower, '@') + 1)) text_pattern_ops) WHERE email_lower <> '';
