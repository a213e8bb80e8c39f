-- name: roles
-- Which of these roles there are.
SELECT rolname AS name FROM pg_roles WHERE rolname = ANY(%(names)s)

-- name: granted
-- Every right that these roles have on tables, views, sequences and functions, one row for each, columns apart.
SELECT held.role, held.name, held.verb, held.column_name
FROM (
    SELECT grantee.rolname::text AS role, relation.relname::text AS name, acl.privilege_type AS verb, '' AS column_name
    FROM pg_class AS relation
    CROSS JOIN LATERAL aclexplode(relation.relacl) AS acl
    JOIN pg_roles AS grantee ON grantee.oid = acl.grantee
    WHERE relation.relnamespace = 'public'::regnamespace AND NOT relation.relispartition
    UNION ALL
    SELECT grantee.rolname::text, relation.relname::text, acl.privilege_type, attribute.attname::text
    FROM pg_class AS relation
    JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid AND NOT attribute.attisdropped
    CROSS JOIN LATERAL aclexplode(attribute.attacl) AS acl
    JOIN pg_roles AS grantee ON grantee.oid = acl.grantee
    WHERE relation.relnamespace = 'public'::regnamespace AND NOT relation.relispartition
    UNION ALL
    SELECT grantee.rolname::text, proname::text, acl.privilege_type, ''
    FROM pg_proc
    CROSS JOIN LATERAL aclexplode(proacl) AS acl
    JOIN pg_roles AS grantee ON grantee.oid = acl.grantee
    WHERE pronamespace = 'public'::regnamespace
) AS held
WHERE held.role = ANY(%(names)s)

-- name: kinds
-- Which of the names are not tables: sequences (S) and functions (f), by what a role may be granted on them.
SELECT relname::text AS name, relkind::text AS kind
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
UNION ALL
SELECT proname::text, 'f' FROM pg_proc WHERE pronamespace = 'public'::regnamespace

-- name: organisation
-- Whose database this is.
SELECT organisation FROM deployment

-- name: belong
-- Let the database be an organisation's, unless it is somebody's.
INSERT INTO deployment (organisation) VALUES (%(organisation)s) ON CONFLICT DO NOTHING
