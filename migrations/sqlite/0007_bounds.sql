-- What bounds the refusals, which strangers can fill the trail with, and what finds the events that were given up. Neither index
-- is touched by a login that goes well.
CREATE INDEX audit_events_refused ON audit_events (event, user_id, id) WHERE event = 'refused';
CREATE INDEX webhook_events_dead ON webhook_events (created) WHERE due IS NULL AND delivered IS NULL;
