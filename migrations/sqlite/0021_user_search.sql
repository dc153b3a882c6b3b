-- What `users list --search` reads beside the index of e-mail addresses.
CREATE INDEX users_username_lower ON users (lower(username));
