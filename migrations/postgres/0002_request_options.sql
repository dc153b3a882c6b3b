-- The application's own values and the max_age of a login, encrypted with a key derived from the state; NULL: none.
ALTER TABLE authorization_requests ADD COLUMN encrypted_options BYTEA;
