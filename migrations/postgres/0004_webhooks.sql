-- What the operator's software is told (WEBHOOK_URL): written with what it tells of, kept until it is delivered and a while
-- after. Rows outlive their users, so user_id is no foreign key.
CREATE TABLE webhook_events (
    id        TEXT    PRIMARY KEY,
    type      TEXT    NOT NULL,
    user_id   BIGINT  NOT NULL,
    body      TEXT    NOT NULL, -- as it is signed and sent
    created   BIGINT  NOT NULL,
    attempts  BIGINT  NOT NULL DEFAULT 0,
    due       BIGINT, -- when it is tried next, also if whoever tries it now should die; NULL: delivered, or given up
    delivered BIGINT,
    error     TEXT
);
CREATE INDEX webhook_events_due ON webhook_events (due) WHERE due IS NOT NULL;
CREATE INDEX webhook_events_created ON webhook_events (created);
CREATE INDEX webhook_events_user ON webhook_events (user_id);
