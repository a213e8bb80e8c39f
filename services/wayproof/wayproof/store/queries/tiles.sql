-- name: grow_tiles
-- Write tiles that are new or grew. What a tile held stays its beginning; another content is not overwritten.
INSERT INTO log_tile (epoch, level, tile_index, hashes)
SELECT %(epoch)s, level, tile_index, hashes
FROM unnest(%(levels)b::smallint[], %(tile_indices)b::bigint[], %(hashes)b::bytea[])
    AS grown (level, tile_index, hashes)
ON CONFLICT (epoch, level, tile_index) DO UPDATE SET hashes = excluded.hashes
WHERE substring(excluded.hashes FOR octet_length(log_tile.hashes)) = log_tile.hashes

-- name: find_tiles
-- Tiles, each cut to the width it has in the tree that is asked for.
SELECT level, tile_index, substring(hashes FOR width * 32) AS hashes
FROM log_tile
JOIN unnest(%(levels)b::smallint[], %(tile_indices)b::bigint[], %(widths)b::integer[])
    AS wanted (level, tile_index, width) USING (level, tile_index)
WHERE epoch = %(epoch)s

-- name: entries
-- Entries of leaves, in order.
SELECT entry
FROM log_leaf JOIN message USING (ingest_id)
WHERE epoch = %(epoch)s AND leaf_index >= %(start)s AND leaf_index < %(stop)s
ORDER BY leaf_index

-- name: delete_tiles
-- Remove the tiles of a level that a smaller tree does not have.
DELETE FROM log_tile
WHERE epoch = %(epoch)s AND tile_index * 256 >= %(size)s::bigint >> (8 * level)

-- name: cut_tiles
-- Cut the last tile of each level to its width in a smaller tree.
UPDATE log_tile
SET hashes = substring(hashes FOR 32 * ((%(size)s::bigint >> (8 * level)) - tile_index * 256)::integer)
WHERE epoch = %(epoch)s AND (tile_index + 1) * 256 > %(size)s::bigint >> (8 * level)
