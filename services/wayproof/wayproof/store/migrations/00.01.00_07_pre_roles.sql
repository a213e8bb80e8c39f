-- Roles of their own for processes and for people, and rows by organisation (docs/reference/roles.md). The roles are
-- made before: `roles.py`.

-- The organisation (MSP id) whose deployment this is.
CREATE TABLE deployment (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    organisation text NOT NULL
);

-- Logins of other organisations. A login can set any parameter of its session, and no row of this table.
CREATE TABLE partner_login (
    login text PRIMARY KEY,
    organisation text NOT NULL
);

-- The organisation whose rows the session's login sees: the one it is bound to, else the deployment's for its own
-- people's roles; null, and so no rows, for anybody else.
CREATE FUNCTION visible_organisation() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
RETURN coalesce(
    (SELECT organisation FROM partner_login WHERE login = session_user),
    (
        SELECT organisation FROM deployment
        WHERE
            pg_has_role(session_user, 'wayproof_api', 'MEMBER')
            OR pg_has_role(session_user, 'wayproof_dashboards', 'MEMBER')
    )
);

-- Shipments are for their parties (rule 16 of the contract). Row security is on for tables that are not copied into:
-- PostgreSQL refuses COPY FROM where it is.
ALTER TABLE shipment ENABLE ROW LEVEL SECURITY;
ALTER TABLE shipment_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE attachment ENABLE ROW LEVEL SECURITY;
ALTER TABLE excursion ENABLE ROW LEVEL SECURITY;
ALTER TABLE watch ENABLE ROW LEVEL SECURITY;
CREATE POLICY whole ON shipment TO wayproof_projection, wayproof_monitor, wayproof_audit USING (true);
CREATE POLICY party ON shipment FOR SELECT TO wayproof_api, wayproof_dashboards, wayproof_partner
    USING (head @> (
        SELECT jsonb_build_object('parties', jsonb_build_array(jsonb_build_object('msp_id', visible_organisation())))
    ));
CREATE POLICY whole ON shipment_event TO wayproof_projection, wayproof_monitor, wayproof_audit USING (true);
CREATE POLICY party ON shipment_event FOR SELECT TO wayproof_api, wayproof_dashboards, wayproof_partner
    USING (EXISTS (SELECT FROM shipment WHERE shipment.gsin = shipment_event.gsin));
CREATE POLICY whole ON attachment TO wayproof_projection, wayproof_monitor, wayproof_audit, wayproof_devices USING (true);
CREATE POLICY party ON attachment FOR SELECT TO wayproof_api, wayproof_dashboards, wayproof_partner
    USING (EXISTS (SELECT FROM shipment WHERE shipment.gsin = attachment.gsin));
CREATE POLICY whole ON excursion TO wayproof_projection, wayproof_monitor, wayproof_audit USING (true);
CREATE POLICY party ON excursion FOR SELECT TO wayproof_api, wayproof_dashboards, wayproof_partner
    USING (EXISTS (SELECT FROM shipment WHERE shipment.gsin = excursion.gsin));
CREATE POLICY whole ON watch TO wayproof_monitor, wayproof_audit USING (true);
CREATE POLICY party ON watch FOR SELECT TO wayproof_api, wayproof_dashboards
    USING (EXISTS (SELECT FROM shipment WHERE shipment.gsin = watch.gsin));

-- What a partner's own devices sent: all that it may read of messages and readings. The views read as their owner.
CREATE VIEW partner_message WITH (security_barrier) AS
SELECT
    message.ingest_id, message.device_id, stream.name AS stream, message.boot, message.sequence, message.message_hash,
    message.previous, message.received_at_ms, message.rejection, log_leaf.epoch, log_leaf.leaf_index
FROM message
JOIN device ON device.device_id = message.device_id
LEFT JOIN stream ON stream.stream_id = message.stream_id
LEFT JOIN log_leaf ON log_leaf.ingest_id = message.ingest_id
WHERE device.organisation = (SELECT visible_organisation());

CREATE VIEW partner_reading WITH (security_barrier) AS
SELECT
    stream.device_id, stream.name AS stream, reading.observed_at_ms, reading.ingest_id, reading.ordinal, quantity.name,
    quantity.unit, quantity.kind, reading.value, reading.scale, reading.text
FROM device
JOIN stream ON stream.device_id = device.device_id
JOIN reading ON reading.stream_id = stream.stream_id
JOIN quantity ON quantity.quantity_id = reading.quantity_id
WHERE device.organisation = (SELECT visible_organisation());

CREATE VIEW partner_flag WITH (security_barrier) AS
SELECT
    stream.device_id, stream.name AS stream, flag.observed_at_ms, flag.ingest_id, flag.ordinal, flag.code,
    flag.rule_version, flag.detail
FROM device
JOIN stream ON stream.device_id = device.device_id
JOIN reading_flag AS flag ON flag.stream_id = stream.stream_id
WHERE device.organisation = (SELECT visible_organisation());
