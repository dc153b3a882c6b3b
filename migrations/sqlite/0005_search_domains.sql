-- For `users list --search`: the domain of an e-mail address.
CREATE INDEX users_domain ON users (substr(email_lower, instr(email_lower, '@') + 1)) WHERE email_lower <> '';
