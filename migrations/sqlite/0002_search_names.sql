-- For `users list --search`: the start of a first name, and of a whole name.
CREATE INDEX users_name_lower ON users (lower(first_name || ' ' || last_name)) WHERE first_name <> '';
