-- name: find_locations
-- What places are called and where they lie.
SELECT gln, name, latitude, longitude FROM location WHERE gln = ANY(%(glns)s)

-- name: locations
-- A page of all places, by GLN.
SELECT gln, name, latitude, longitude FROM location WHERE gln > %(after)s ORDER BY gln LIMIT %(limit)s

-- name: put_location
-- Name a place, in place of what it was called before.
INSERT INTO location (gln, name, latitude, longitude) VALUES (%(gln)s, %(name)s, %(latitude)s, %(longitude)s)
ON CONFLICT (gln) DO UPDATE SET
    name = EXCLUDED.name, latitude = EXCLUDED.latitude, longitude = EXCLUDED.longitude
