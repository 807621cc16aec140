"""Roles of the database: what each process may do with each table and function.

The owner runs the migrations. Hub and worker have only the rights that they use. The reader is for reports and checks.
`veritas migrate` applies this table after every migration, so a right is changed here and in no revision. No role may
ever change or delete a row of the audit log, its chain, or an event.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Base

OWNER: Final = "veritas_owner"
HUB: Final = "veritas_hub"
WORKER: Final = "veritas_worker"
READER: Final = "veritas_reader"
RESTRICTED: Final = (HUB, WORKER, READER)

READ: Final = "SELECT"
ADD: Final = "SELECT, INSERT"
CHANGE: Final = "SELECT, UPDATE"
WRITE: Final = "SELECT, INSERT, UPDATE"
NONE: Final = ""


class TableRights(msgspec.Struct, frozen=True):
    """Privileges on one table. A row lock (`FOR UPDATE`, `FOR SHARE`) needs UPDATE."""

    hub: str
    worker: str = READ
    reader: str = READ


HIDDEN: Final[Mapping[str, frozenset[str]]] = {"users": frozenset({"password_hash"})}
"""Columns that worker and reader cannot read."""

TABLES: Final[Mapping[str, TableRights]] = {
    "alembic_version": TableRights(READ),
    "users": TableRights(WRITE, "SELECT, UPDATE (last_login_ip)"),
    "student_profiles": TableRights(WRITE, CHANGE),
    "teacher_profiles": TableRights(WRITE),
    # The worker deletes ended sessions; their refresh tokens follow.
    "sessions": TableRights(WRITE, "SELECT (ends_at, ended_at), DELETE", NONE),
    "refresh_tokens": TableRights(WRITE, NONE, NONE),
    "devices": TableRights("SELECT, INSERT, UPDATE, DELETE", "SELECT (last_used_at), DELETE", NONE),
    "second_factors": TableRights("SELECT, INSERT, UPDATE, DELETE", NONE, NONE),
    "recovery_codes": TableRights("SELECT, INSERT, UPDATE, DELETE", NONE, NONE),
    "ws_tickets": TableRights("SELECT, INSERT, DELETE", "SELECT (expires_at), DELETE", NONE),
    "candidate_codes": TableRights(WRITE, NONE, NONE),
    "service_keys": TableRights(WRITE, NONE, NONE),
    "exams": TableRights(WRITE),
    "exam_items": TableRights(ADD),
    "exam_policies": TableRights(ADD),
    "exam_enrollments": TableRights(WRITE),
    "teacher_exam_permissions": TableRights("SELECT, INSERT, UPDATE, DELETE"),
    "exam_attempts": TableRights(WRITE, CHANGE),
    "attempt_answers": TableRights(ADD),
    "attempt_grades": TableRights(WRITE, ADD),
    "instructions": TableRights(WRITE, CHANGE),
    "event_streams": TableRights(WRITE, WRITE),
    "monitoring_events": TableRights(ADD, ADD),
    "monitoring_events_default": TableRights(READ),
    "rejected_events": TableRights(ADD),
    "connections": TableRights(WRITE, CHANGE),
    "hub_leases": TableRights(WRITE, "SELECT, UPDATE, DELETE"),
    "analysis_cursors": TableRights(WRITE, CHANGE),
    "flags": TableRights(WRITE, WRITE),
    "flag_reviews": TableRights(ADD),
    "behavior_analysis": TableRights(WRITE, WRITE),
    # What was sent to a model stays as it was; only the result is added later.
    "model_runs": TableRights(
        READ,
        "SELECT, INSERT, "
        "UPDATE (model, state, output, error, claims_dropped, prompt_tokens, completion_tokens, duration_ms)",
    ),
    "performance_metrics": TableRights(READ, WRITE),
    # Triggers write the counts and the changes; the worker adds them up.
    "exam_counts": TableRights(READ, "SELECT, INSERT, DELETE"),
    "summary_changes": TableRights(READ, "SELECT, DELETE"),
    "exam_performance_summary": TableRights(READ, "SELECT, INSERT, UPDATE, DELETE"),
    "student_risk_summary": TableRights(READ, "SELECT, INSERT, UPDATE, DELETE"),
    "exam_performance_now": TableRights(READ),
    "student_risk_now": TableRights(READ),
    "exam_feed": TableRights(ADD, "SELECT, INSERT, DELETE"),
    "feed_heads": TableRights(WRITE, CHANGE),
    "commands": TableRights(ADD, "SELECT (given_at), DELETE"),
    "idempotency_keys": TableRights(ADD, "SELECT (created_at), DELETE", NONE),
    "attempt_holds": TableRights(WRITE),
    "notices": TableRights(ADD),
    "worker_settings": TableRights(READ, WRITE),
    "retention_runs": TableRights(READ, WRITE),
    "audit_logs": TableRights(ADD, ADD),
    "audit_sources": TableRights(ADD, "SELECT, INSERT, DELETE"),
    "audit_chain": TableRights(READ, ADD),
    "audit_anchors": TableRights(READ, ADD),
}
"""Every table and view. A new table needs a row here (tests/db/migrations/test_roles.py)."""

FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "create_event_partitions(integer)": (WORKER,),
    "refresh_summary_views()": (WORKER,),
    "rebuild_exam_counts()": (),
    "count_enrollments()": (),
    "count_attempts()": (),
    "drop_exam_counts()": (),
    "note_summary_change()": (),
    "note_grade_change()": (),
    "delete_attempt_events(uuid,bigint)": (HUB, WORKER),
    "drop_event_partition(date)": (WORKER,),
    "delete_attempt_reviews(uuid[])": (WORKER,),
    "delete_attempt_answers(uuid[])": (WORKER,),
    "clear_attempts(uuid[])": (),
    "remove_attempts(uuid[])": (HUB, WORKER),
    "remove_exam(uuid)": (HUB, WORKER),
    "erase_user(uuid)": (HUB,),
}
"""Functions that run with the rights of the owner (SECURITY DEFINER), and who may call them.

Each has a fixed search_path, computes names and limits itself, and takes no SQL.
"""

_OPEN_CONNECTION: Final = (
    "open_connection(uuid,uuid,bytea,uuid,uuid,uuid,uuid,uuid,bigint,bigint,bigint,bigint[],bigint[],bigint[],"
    "text,boolean,bigint,bigint,integer)"
)
INVOKED: Final[Mapping[str, tuple[str, ...]]] = {_OPEN_CONNECTION: (HUB,)}
"""Functions that run with the rights of their caller, and who may call them."""

_CREATE_LARGE: Final = ("lo_creat", "lo_create", "lo_from_bytea", "lo_import")
_WRITE_LARGE: Final = ("lo_put", "lowrite", "lo_truncate", "lo_truncate64")
"""Functions of PostgreSQL for large objects. By default every role may call most of them."""

_CREATE_IF_MISSING: Final = "IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role}{options}; END IF;"


def render_roles() -> str:
    """Return the SQL that an administrator runs once: creates the four roles, and gives the database to the owner.

    It also moves the tables of a database that was used by one role until now, and takes from all roles the right to
    store large objects. May be repeated.
    """
    create = "\n    ".join(_CREATE_IF_MISSING.format(role=role, options=" LOGIN") for role in (OWNER, *RESTRICTED))
    large_objects = ", ".join(f"'{name}'" for name in (*_CREATE_LARGE, *_WRITE_LARGE))
    return _ROLES.format(create=create, owner=OWNER, restricted=", ".join(RESTRICTED), large_objects=large_objects)


def render_rights(roles: Collection[str]) -> str:
    """Return one SQL statement that gives these roles their rights, and takes all others away."""
    listed = ", ".join(["PUBLIC", *roles])
    lines = [f"REVOKE CREATE ON SCHEMA public FROM {listed};"]
    lines += [f"GRANT USAGE ON SCHEMA public TO {role};" for role in roles]
    for table, rights in TABLES.items():
        lines.append(f"REVOKE ALL ON TABLE public.{table} FROM {listed};")
        lines += _grants(table, rights, roles)
    for function, callers in (*FUNCTIONS.items(), *INVOKED.items()):
        lines.append(f"REVOKE ALL ON FUNCTION public.{function} FROM {listed};")
        lines += [f"GRANT EXECUTE ON FUNCTION public.{function} TO {role};" for role in callers if role in roles]
    lines.append("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM PUBLIC;")
    lines.append("ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;")
    return _RIGHTS.format(lines="\n    ".join(lines), listed=listed, roles=", ".join(roles) or "CURRENT_USER")


async def apply_rights(conn: AsyncConnection) -> list[str]:
    """Create missing roles if that is allowed, and give each its rights. Returns the roles that are still missing."""
    create = " ".join(_CREATE_IF_MISSING.format(role=role, options="") for role in RESTRICTED)
    may_create = text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    if (await conn.execute(may_create)).scalar_one():
        await conn.execute(text(f"DO $roles$ BEGIN {create} END $roles$"))
    found = await conn.execute(
        text("SELECT rolname FROM pg_roles WHERE rolname = ANY (:names)"), {"names": list(RESTRICTED)}
    )
    present = sorted(found.scalars())
    await conn.execute(text(render_rights(present)))
    return [role for role in RESTRICTED if role not in present]


def _grants(table: str, rights: TableRights, roles: Collection[str]) -> Iterator[str]:
    for role, privileges in ((HUB, rights.hub), (WORKER, rights.worker), (READER, rights.reader)):
        if role not in roles or not privileges:
            continue
        allowed = privileges
        if table in HIDDEN and role != HUB:
            shown = ", ".join(name for name in Base.metadata.tables[table].c.keys() if name not in HIDDEN[table])  # noqa: SIM118
            allowed = privileges.replace("SELECT", f"SELECT ({shown})")
        yield f"GRANT {allowed} ON TABLE public.{table} TO {role};"


# Other roles of an administrator keep CONNECT and USAGE; `render_roles` takes them from PUBLIC. Only the owner of the
# database can change its rights.
_RIGHTS: Final = """\
DO $rights$
BEGIN
    {lines}
    IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM {listed}', current_database());
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO {roles}', current_database());
    END IF;
END $rights$
"""

_ROLES: Final = """\
-- Roles of Veritas. Run once as an administrator in the database of Veritas; may be repeated. Then set passwords:
--   ALTER ROLE veritas_owner LOGIN PASSWORD '...';   and the same for veritas_hub, veritas_worker and veritas_reader
-- and run `veritas migrate` as the owner, which gives the other roles their rights.
DO $roles$
DECLARE
    item record;
BEGIN
    {create}
    EXECUTE format('ALTER DATABASE %I OWNER TO {owner}', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {restricted}', current_database());
    ALTER SCHEMA public OWNER TO {owner};
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    FOR item IN
        SELECT class.relkind, class.oid::regclass AS name FROM pg_class AS class
        WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p', 'm', 'v')
          AND pg_get_userbyid(class.relowner) <> '{owner}'
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO {owner}',
                       CASE item.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
                       item.name);
    END LOOP;
    FOR item IN
        SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> '{owner}'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO {owner}', item.name);
    END LOOP;
    -- Large objects belong to no table, and nothing deletes them: with them a role could fill the disk.
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        FOR item IN
            SELECT oid::regprocedure AS name FROM pg_proc
            WHERE pronamespace = 'pg_catalog'::regnamespace
              AND proname IN ({large_objects})
        LOOP
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', item.name);
        END LOOP;
    ELSE
        RAISE WARNING 'Only a superuser can keep the roles from storing large objects. Run this again as one.';
    END IF;
END $roles$;
"""
