"""Functions for what only the owner may do; a hash chain over the audit log; addresses beside the audit log.

The rights of the roles are in `db/migrations/roles.py` and applied after every migration.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)

_FUNCTIONS = (
    """
    CREATE FUNCTION public.create_event_partitions(days_ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        today date := (now() AT TIME ZONE 'UTC')::date;
        day date;
        partition text;
        bounds uuid[];
    BEGIN
        IF days_ahead IS NULL OR days_ahead NOT BETWEEN 0 AND 31 THEN
            RAISE EXCEPTION 'days_ahead must be between 0 and 31' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        FOR day IN SELECT today + n FROM generate_series(-1, days_ahead) AS n LOOP
            partition := 'monitoring_events_' || to_char(day, 'YYYY_MM_DD');
            CONTINUE WHEN to_regclass('public.' || partition) IS NOT NULL;
            -- The first UUIDv7 of a day: 48 bits of milliseconds, then zeros.
            SELECT array_agg((lpad(to_hex(86400000 * (midnight - date '1970-01-01')::bigint), 12, '0')
                              || repeat('0', 20))::uuid ORDER BY midnight)
            INTO bounds FROM unnest(ARRAY[day, day + 1]) AS midnight;
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.monitoring_events FOR VALUES FROM (%L) TO (%L)',
                           partition, bounds[1], bounds[2]);
            RETURN NEXT partition;
        END LOOP;
    END $$
    """,
    """
    CREATE FUNCTION public.refresh_summary_views() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        REFRESH MATERIALIZED VIEW CONCURRENTLY public.exam_performance_summary;
        REFRESH MATERIALIZED VIEW CONCURRENTLY public.student_risk_summary;
    END $$
    """,
    "REVOKE ALL ON FUNCTION public.create_event_partitions(integer) FROM PUBLIC",
    "REVOKE ALL ON FUNCTION public.refresh_summary_views() FROM PUBLIC",
)

# Rows until now have the readable address and the new values of changed accounts. Only values that can be deleted later
# may be readable, so they move to a table that is not append-only.
_MOVE_PERSONAL_VALUES = (
    "ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_append_only",
    """
    INSERT INTO audit_sources (audit_id, address, user_agent, at)
    SELECT id, ip, user_agent, at FROM audit_logs WHERE ip IS NOT NULL OR user_agent IS NOT NULL
    """,
    "UPDATE audit_logs SET ip = NULL, user_agent = NULL WHERE ip IS NOT NULL OR user_agent IS NOT NULL",
    """
    UPDATE audit_logs SET details = jsonb_build_object('changed', coalesce(
        (SELECT string_agg(name, ' ' ORDER BY name) FROM jsonb_object_keys(details) AS name), ''))
    WHERE action = 'change_account'
    """,
    """
    UPDATE audit_logs SET details = jsonb_build_object('by', coalesce(
        (SELECT string_agg(name, ' ' ORDER BY name) FROM jsonb_object_keys(details) AS name), ''))
    WHERE action = 'read_audit_log'
    """,
    "UPDATE audit_logs SET details = details - 'reason' WHERE action IN ('end', 'review') AND details ? 'reason'",
    "UPDATE audit_logs SET details = details - 'name' WHERE action = 'give_key' AND details ? 'name'",
    "ALTER TABLE audit_logs ENABLE TRIGGER audit_logs_append_only",
)

_APPEND_ONLY = tuple(
    statement
    for table in ("audit_chain", "audit_anchors")
    for statement in (
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        f"CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    )
)


def upgrade() -> None:
    op.create_table(
        "audit_sources",
        sa.Column("audit_id", sa.UUID(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["audit_id"], ["audit_logs.id"], name=op.f("fk_audit_sources_audit_id")),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_sources")),
    )
    op.create_index(op.f("ix_audit_sources_at"), "audit_sources", ["at"])
    op.create_table(
        "audit_chain",
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audit_id", sa.UUID(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["audit_id"], ["audit_logs.id"], name=op.f("fk_audit_chain_audit_id")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_audit_chain")),
        sa.UniqueConstraint("audit_id", name=op.f("uq_audit_chain_audit_id")),
    )
    op.create_table(
        "audit_anchors",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("anchored_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_audit_anchors")),
    )
    for statement in _FUNCTIONS + _MOVE_PERSONAL_VALUES + _APPEND_ONLY:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION public.refresh_summary_views()")
    op.execute("DROP FUNCTION public.create_event_partitions(integer)")
    op.drop_table("audit_anchors")
    op.drop_table("audit_chain")
    op.drop_index(op.f("ix_audit_sources_at"), table_name="audit_sources")
    op.drop_table("audit_sources")
