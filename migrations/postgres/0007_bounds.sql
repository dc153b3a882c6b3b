-- What bounds the rows that strangers can fill, and what finds the events that were given up. Neither index is touched by a
-- login that goes well.
CREATE INDEX audit_events_refused_strangers ON audit_events (id) WHERE event = 'refused' AND user_id IS NULL;
CREATE INDEX audit_events_refused_users ON audit_events (id) WHERE event = 'refused' AND user_id IS NOT NULL;
CREATE INDEX webhook_events_dead ON webhook_events (created) WHERE due IS NULL AND delivered IS NULL;
