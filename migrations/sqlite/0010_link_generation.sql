-- How often something that could link accounts to the user was ended, and the count when a login was begun.
ALTER TABLE users ADD COLUMN link_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE login_attempts ADD COLUMN link_generation INTEGER NOT NULL DEFAULT 0;
