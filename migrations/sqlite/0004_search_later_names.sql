-- For `users list --search`: what follows the first word of a last name.
CREATE INDEX users_later_name_lower ON users (lower(substr(last_name, instr(last_name, ' ') + 1)))
  WHERE instr(last_name, ' ') > 0;
