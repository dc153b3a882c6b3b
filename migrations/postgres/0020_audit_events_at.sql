-- What prunes the audit log by time. In the order of ids a row that a wrong clock stamped in the future would keep all rows after it.
CREATE INDEX audit_events_at ON audit_events (at);
