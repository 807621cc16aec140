-- Roles of Veritas. Run once as an administrator in the database of Veritas; may be repeated. Then set passwords:
--   ALTER ROLE veritas_owner LOGIN PASSWORD '...';   and the same for veritas_hub, veritas_worker and veritas_reader
-- and run `veritas migrate` as the owner, which gives the other roles their rights.
DO $roles$
DECLARE
    item record;
BEGIN
    IF to_regrole('veritas_owner') IS NULL THEN CREATE ROLE veritas_owner LOGIN; END IF;
    IF to_regrole('veritas_hub') IS NULL THEN CREATE ROLE veritas_hub LOGIN; END IF;
    IF to_regrole('veritas_worker') IS NULL THEN CREATE ROLE veritas_worker LOGIN; END IF;
    IF to_regrole('veritas_reader') IS NULL THEN CREATE ROLE veritas_reader LOGIN; END IF;
    EXECUTE format('ALTER DATABASE %I OWNER TO veritas_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO veritas_hub, veritas_worker, veritas_reader', current_database());
    ALTER SCHEMA public OWNER TO veritas_owner;
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    FOR item IN
        SELECT class.relkind, class.oid::regclass AS name FROM pg_class AS class
        WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p', 'm', 'v')
          AND pg_get_userbyid(class.relowner) <> 'veritas_owner'
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO veritas_owner',
                       CASE item.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
                       item.name);
    END LOOP;
    FOR item IN
        SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> 'veritas_owner'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO veritas_owner', item.name);
    END LOOP;
    -- Large objects belong to no table, and nothing deletes them: with them a role could fill the disk.
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        FOR item IN
            SELECT oid::regprocedure AS name FROM pg_proc
            WHERE pronamespace = 'pg_catalog'::regnamespace
              AND proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'lo_put', 'lowrite', 'lo_truncate', 'lo_truncate64')
        LOOP
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', item.name);
        END LOOP;
    ELSE
        RAISE WARNING 'Only a superuser can keep the roles from storing large objects. Run this again as one.';
    END IF;
END $roles$;
