-- Claims and certificates of devices.
-- Devices that may come: each shows a one-time token, or the serial number that its manufacturer vouches for.
CREATE TABLE device_claim (
    claim_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id text NOT NULL,
    model text NOT NULL,
    token_hash bytea UNIQUE,       -- SHA-256; the token itself is known to who was given it
    serial text,
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    key_id bytea,                  -- of the key that took the claim: it is good for no other
    taken_at_ms bigint,
    CHECK ((token_hash IS NULL) <> (serial IS NULL)),
    CHECK ((key_id IS NULL) = (taken_at_ms IS NULL))
);
CREATE INDEX device_claim_serial ON device_claim (serial) WHERE serial IS NOT NULL;
CREATE INDEX device_claim_device ON device_claim (device_id);

-- Certificates of devices. Whether one is revoked is said by the ledger's register, not here.
CREATE TABLE device_certificate (
    serial_number bytea PRIMARY KEY,
    device_id text NOT NULL,
    key_id bytea NOT NULL,
    certificate bytea NOT NULL,    -- DER
    issued_at_ms bigint NOT NULL,
    not_after_ms bigint NOT NULL
);
CREATE INDEX device_certificate_device ON device_certificate (device_id, issued_at_ms);
