-- name: dropped
-- Weeks whose readings were let go of.
SELECT week FROM reading_week_dropped

-- name: dropped_rows
-- The same with when, and how many readings they were.
SELECT week, dropped_at_ms, rows FROM reading_week_dropped ORDER BY week

-- name: needed_by
-- Who needs a week's readings still.
SELECT week_needed_by(%(week)s) AS needed_by

-- name: drop_week
-- Let a week's readings go.
SELECT drop_week(%(week)s) AS rows

-- name: drop_late
-- Let go of what came late for weeks that are dropped.
SELECT drop_late_readings() AS rows

-- name: lock_timeout
-- Wait no longer than this for others, in this transaction.
SELECT set_config('lock_timeout', %(milliseconds)s, true)
