-- What `users list --search` reads: indexes by bytes, since a prefix is a range of bytes whatever the database's collation is. Such an
-- index also serves equality, so the one of e-mail addresses replaces the former one.
CREATE INDEX users_username_lower ON users (lower(username) text_pattern_ops);
CREATE INDEX users_email_lower ON users (email_lower text_pattern_ops) WHERE email_lower <> '';
DROP INDEX users_email;
