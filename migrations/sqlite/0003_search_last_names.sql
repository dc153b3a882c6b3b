-- For `users list --search`: the start of a last name.
CREATE INDEX users_last_name_lower ON users (lower(last_name)) WHERE last_name <> '';
