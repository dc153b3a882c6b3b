-- Fields that the settings declare, by name, and the names of those that the user changed by hand.
ALTER TABLE users ADD COLUMN fields TEXT;
ALTER TABLE users ADD COLUMN edited TEXT;

-- The login that a credential comes from: a rotated refresh token keeps it, a permanent token gets it anew at each login.
-- Unknown for rows from before.
ALTER TABLE tokens ADD COLUMN signed_in INTEGER;
ALTER TABLE refresh_tokens ADD COLUMN signed_in INTEGER;
