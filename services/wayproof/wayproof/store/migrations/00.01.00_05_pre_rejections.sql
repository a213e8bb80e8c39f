-- Refused payloads keep to a limit, and may be judged again: what was let go of, and what was replayed.
CREATE TABLE rejection_cut (
    code text PRIMARY KEY,
    payloads bigint NOT NULL,
    rows bigint NOT NULL,
    times bigint NOT NULL
);

CREATE INDEX rejection_payload ON rejection (last_received_at_ms, rejection_id) WHERE payload IS NOT NULL;

CREATE TABLE rejection_replay (
    replay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    payload_hash bytea NOT NULL,
    code text NOT NULL,
    operator text NOT NULL,
    replayed_at_ms bigint NOT NULL
);
CREATE INDEX rejection_replay_payload ON rejection_replay (payload_hash);
