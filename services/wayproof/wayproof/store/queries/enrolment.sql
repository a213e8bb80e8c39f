-- name: end_claims
-- Let the open claims of a device end: the newest one counts.
UPDATE device_claim SET expires_at_ms = %(now_ms)s
WHERE device_id = %(device_id)s AND key_id IS NULL AND expires_at_ms > %(now_ms)s

-- name: add_claim
-- Let a device come.
INSERT INTO device_claim (device_id, model, token_hash, serial, created_at_ms, expires_at_ms)
VALUES (%(device_id)s, %(model)s, %(token_hash)s, %(serial)s, %(created_at_ms)s, %(expires_at_ms)s)

-- name: find_claim
-- The latest claim with a token or a serial number; who asks next waits until this transaction ends.
SELECT device_id, model, token_hash, serial, created_at_ms, expires_at_ms, key_id FROM device_claim
WHERE token_hash = %(token_hash)s OR serial = %(serial)s
ORDER BY claim_id DESC LIMIT 1
FOR UPDATE

-- name: take_claim
-- Bind a claim to the key of who came.
UPDATE device_claim SET key_id = %(key_id)s, taken_at_ms = %(now_ms)s
WHERE device_id = %(device_id)s AND created_at_ms = %(created_at_ms)s AND key_id IS NULL
    AND token_hash IS NOT DISTINCT FROM %(token_hash)s AND serial IS NOT DISTINCT FROM %(serial)s

-- name: add_certificate
-- Keep a certificate that was issued.
INSERT INTO device_certificate (serial_number, device_id, key_id, certificate, issued_at_ms, not_after_ms)
VALUES (%(serial_number)s, %(device_id)s, %(key_id)s, %(certificate)s, %(issued_at_ms)s, %(not_after_ms)s)

-- name: find_certificate
-- A certificate that was issued.
SELECT serial_number, device_id, key_id, certificate, issued_at_ms, not_after_ms FROM device_certificate
WHERE serial_number = %(serial_number)s

-- name: list_certificates
-- The latest certificate of each device, by device, with what the ledger says of the device.
SELECT DISTINCT ON (device_id) device_id, serial_number, issued_at_ms, not_after_ms, device.status
FROM device_certificate LEFT JOIN device USING (device_id)
WHERE device_id > %(after)s
ORDER BY device_id, issued_at_ms DESC, serial_number
LIMIT %(limit)s

-- name: revoked_certificates
-- Certificates that have not ended, of devices that are revoked on the ledger.
SELECT serial_number, device_id, key_id, certificate, issued_at_ms, not_after_ms
FROM device_certificate JOIN device USING (device_id)
WHERE device.status = 'revoked' AND device.organisation = %(organisation)s AND not_after_ms > %(now_ms)s
ORDER BY device_id, serial_number
