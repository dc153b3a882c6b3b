-- Whose word makes a verified address one: a provider's, by its name, or '' for the operator's own software. Users are linked
-- by an address only on the word of somebody whom the operator trusts with that. Of users who were there before it was the
-- provider they signed up with; where that account is gone, nobody's who has a name.
ALTER TABLE users ADD COLUMN email_vouched_by TEXT NOT NULL DEFAULT '';
UPDATE users SET email_vouched_by = coalesce(
    (SELECT provider FROM social_accounts
     WHERE social_accounts.user_id = users.id AND social_accounts.created = users.created
     ORDER BY social_accounts.id LIMIT 1), '?')
WHERE email_verified;
