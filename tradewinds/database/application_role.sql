-- The role that the services connect as, where it is not the owner of the database: run it as the owner, after every migration,
--   psql -v ON_ERROR_STOP=1 -v role=tradewinds_app -f application_role.sql
-- It reads and writes everything but the audit log, which it reads and appends to. It owns nothing but the partitioned tables, whose
-- partitions the services make and drop; so it can switch no trigger off.
GRANT USAGE, CREATE ON SCHEMA public TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :role;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :role;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO :role;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_log, audit_links FROM :role;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM :role;
SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, :'role')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND (c.relkind = 'p' OR c.relispartition AND c.relkind = 'r')
\gexec
