"""Reads that do not grow with their table: indexes, the exam of a flag, counts of exams, incremental summaries."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_RUNS = "IN ('in_progress', 'paused', 'reopened')"
_UNDECIDED = "status IN ('open', 'escalated') AND severity <> 'normal'"
_RISKY = "completed_at IS NOT NULL AND (flagged OR dropout_label IN ('copy', 'incapable'))"

# Flags are added by workers, services and teachers: a trigger sets the exam for all of them.
_EXAM_OF_FLAGS = (
    "ALTER TABLE flags ADD exam_id uuid",
    "UPDATE flags SET exam_id = exam_attempts.exam_id FROM exam_attempts WHERE exam_attempts.id = attempt_id",
    "ALTER TABLE flags ALTER exam_id SET NOT NULL",
    """
    CREATE FUNCTION public.set_exam_of_flag() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        SELECT exam_id INTO NEW.exam_id FROM exam_attempts WHERE id = NEW.attempt_id;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER flags_exam BEFORE INSERT ON flags FOR EACH ROW EXECUTE FUNCTION set_exam_of_flag()",
)

# Each change adds a row and none is changed, so no start or hand-in waits for another. Readers add the rows up.
_COUNTS = (
    f"""
    CREATE FUNCTION public.count_enrollments() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO exam_counts (exam_id, roster, is_change)
            SELECT exam_id, count(*), true FROM added WHERE removed_at IS NULL GROUP BY exam_id;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO exam_counts (exam_id, roster, is_change)
            SELECT exam_id, -count(*), true FROM gone WHERE removed_at IS NULL GROUP BY exam_id;
        ELSE
            INSERT INTO exam_counts (exam_id, roster, is_change)
            SELECT exam_id, sum(n), true FROM (
                SELECT exam_id, 1 AS n FROM added WHERE removed_at IS NULL
                UNION ALL SELECT exam_id, -1 FROM gone WHERE removed_at IS NULL
            ) AS changed GROUP BY exam_id HAVING sum(n) <> 0;
        END IF;
        RETURN NULL;
    END $$
    """,  # noqa: S608
    "CREATE TRIGGER exam_enrollments_added AFTER INSERT ON exam_enrollments "
    "REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_enrollments()",
    "CREATE TRIGGER exam_enrollments_changed AFTER UPDATE ON exam_enrollments "
    "REFERENCING OLD TABLE AS gone NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_enrollments()",
    "CREATE TRIGGER exam_enrollments_gone AFTER DELETE ON exam_enrollments "
    "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION count_enrollments()",
    f"""
    CREATE FUNCTION public.count_attempts() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        attempts_more integer := 0;
        running_more integer := 0;
        ungraded_more integer := 0;
    BEGIN
        IF TG_OP <> 'DELETE' THEN
            attempts_more := 1;
            running_more := (NEW.status {_RUNS})::integer;
            ungraded_more := (NEW.completed_at IS NOT NULL AND NEW.grade_final_at IS NULL)::integer;
        END IF;
        IF TG_OP <> 'INSERT' THEN
            attempts_more := attempts_more - 1;
            running_more := running_more - (OLD.status {_RUNS})::integer;
            ungraded_more := ungraded_more - (OLD.completed_at IS NOT NULL AND OLD.grade_final_at IS NULL)::integer;
        END IF;
        IF (attempts_more, running_more, ungraded_more) <> (0, 0, 0) THEN
            INSERT INTO exam_counts (exam_id, attempts, running, ungraded, is_change)
            VALUES (coalesce(NEW.exam_id, OLD.exam_id), attempts_more, running_more, ungraded_more, true);
        END IF;
        RETURN NULL;
    END $$
    """,  # noqa: S608
    "CREATE TRIGGER exam_attempts_counted AFTER INSERT OR DELETE ON exam_attempts "
    "FOR EACH ROW EXECUTE FUNCTION count_attempts()",
    # A fold changes neither of these columns, so it never calls the function.
    "CREATE TRIGGER exam_attempts_recounted AFTER UPDATE OF status, completed_at, grade_final_at ON exam_attempts "
    "FOR EACH ROW WHEN (OLD.status <> NEW.status OR (OLD.completed_at IS NULL) <> (NEW.completed_at IS NULL) "
    "OR (OLD.grade_final_at IS NULL) <> (NEW.grade_final_at IS NULL)) EXECUTE FUNCTION count_attempts()",
    f"""
    CREATE FUNCTION public.drop_exam_counts() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        DELETE FROM exam_counts WHERE exam_id = OLD.id;
        DELETE FROM exam_performance_summary WHERE exam_id = OLD.id;
        RETURN NULL;
    END $$
    """,  # noqa: S608
    # After the foreign keys, whose triggers have names that sort before this one.
    "CREATE TRIGGER exams_gone AFTER DELETE ON exams FOR EACH ROW EXECUTE FUNCTION drop_exam_counts()",
    f"""
    CREATE FUNCTION public.rebuild_exam_counts() RETURNS void {_DEFINER} AS $$
    BEGIN
        LOCK TABLE exam_enrollments, exam_attempts IN SHARE ROW EXCLUSIVE MODE;
        DELETE FROM exam_counts;
        INSERT INTO exam_counts (exam_id, roster, attempts, running, ungraded, is_change)
        SELECT id, coalesce(students, 0), coalesce(found.attempts, 0), coalesce(found.running, 0),
               coalesce(found.ungraded, 0), false
        FROM exams
        LEFT JOIN (SELECT exam_id, count(*) AS students FROM exam_enrollments WHERE removed_at IS NULL
                   GROUP BY exam_id) AS rosters ON rosters.exam_id = exams.id
        LEFT JOIN (SELECT exam_id, count(*) AS attempts, count(*) FILTER (WHERE status {_RUNS}) AS running,
                          count(*) FILTER (WHERE completed_at IS NOT NULL AND grade_final_at IS NULL) AS ungraded
                   FROM exam_attempts GROUP BY exam_id) AS found ON found.exam_id = exams.id;
    END $$
    """,  # noqa: S608
    "SELECT public.rebuild_exam_counts()",
)

_ITEMS = """
SELECT summed.*, (
    SELECT jsonb_object_agg(item, jsonb_build_array(coalesce(answered, 0), points))
    FROM (
        SELECT item, count(*) AS answered
        FROM exam_attempts AS attempt CROSS JOIN jsonb_object_keys(submission_data -> 'responses') AS item
        WHERE attempt.exam_id = summed.exam_id AND completed_at IS NOT NULL
          AND jsonb_typeof(submission_data -> 'responses') = 'object'
        GROUP BY item
    ) AS given FULL JOIN (
        SELECT item, avg(points) AS points
        FROM attempt_grades JOIN exam_attempts AS attempt ON attempt.id = attempt_id
        WHERE attempt.exam_id = summed.exam_id AND completed_at IS NOT NULL
        GROUP BY item
    ) AS graded USING (item)
) AS items FROM ("""
_PERFORMANCE = """
SELECT exam_id,
       count(*) AS total_attempts,
       avg(percentage) AS average_score,
       100 * avg(passed::int) AS pass_rate,
       count(*) FILTER (WHERE dropout_label IN ('copy', 'incapable')) AS high_risk_count,
       avg(integrity_score) AS average_integrity,
       avg(lmi) AS average_lmi,
       count(*) FILTER (WHERE flagged) AS flagged,
       count(*) FILTER (WHERE dropout_label = 'safe') AS safe,
       count(*) FILTER (WHERE dropout_label = 'incapable') AS incapable,
       count(*) FILTER (WHERE dropout_label = 'copy') AS copy,
       count(*) FILTER (WHERE dropout_label = 'no_interest') AS no_interest,
       count(*) FILTER (WHERE dropout_label IS NULL) AS unknown,
       now() AS as_of
FROM exam_attempts
WHERE completed_at IS NOT NULL
GROUP BY exam_id
"""
_RISKS = """
SELECT student_id,
       count(*) AS attempts,
       count(*) FILTER (WHERE dropout_label IN ('copy', 'incapable')) AS high_risk,
       count(*) FILTER (WHERE flagged) AS flagged,
       avg(percentage) AS average_score,
       avg(integrity_score) AS average_integrity,
       avg(lmi) AS average_lmi,
       max(completed_at) AS last_attempt_at,
       now() AS as_of
FROM exam_attempts JOIN exams ON exams.id = exam_attempts.exam_id
WHERE completed_at IS NOT NULL AND exams.kind = 'real'
GROUP BY student_id
"""
_SHOWN = "percentage, passed, dropout_label, integrity_score, lmi, flagged, completed_at"
_WAS, _IS = (", ".join(f"{row}.{name}" for name in _SHOWN.split(", ")) for row in ("OLD", "NEW"))

# What the summaries show of an ended attempt, the tables in place of the views, and which rows are out of date.
_SUMMARIES = (
    "DROP FUNCTION public.refresh_summary_views()",
    "DROP MATERIALIZED VIEW exam_performance_summary",
    "DROP MATERIALIZED VIEW student_risk_summary",
    f"CREATE VIEW exam_performance_now AS {_ITEMS}{_PERFORMANCE}) AS summed",
    f"CREATE VIEW student_risk_now AS {_RISKS}",
    "CREATE TABLE exam_performance_summary AS SELECT * FROM exam_performance_now",
    "ALTER TABLE exam_performance_summary ADD CONSTRAINT pk_exam_performance_summary PRIMARY KEY (exam_id)",
    "CREATE TABLE student_risk_summary AS SELECT * FROM student_risk_now",
    "ALTER TABLE student_risk_summary ADD CONSTRAINT pk_student_risk_summary PRIMARY KEY (student_id)",
    "CREATE INDEX ix_student_risk_summary_risky ON student_risk_summary (student_id) "
    "WHERE high_risk > 0 OR flagged > 0",
    f"""
    CREATE FUNCTION public.note_summary_change() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        INSERT INTO summary_changes (exam_id, student_id)
        VALUES (coalesce(NEW.exam_id, OLD.exam_id), coalesce(NEW.student_id, OLD.student_id));
        RETURN NULL;
    END $$
    """,  # noqa: S608
    f"""
    CREATE FUNCTION public.note_grade_change() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        INSERT INTO summary_changes (exam_id, student_id)
        SELECT exam_id, student_id FROM exam_attempts WHERE id = NEW.attempt_id AND completed_at IS NOT NULL;
        RETURN NULL;
    END $$
    """,  # noqa: S608
    # Points from the key are stored when the attempt ends, which is noted anyway.
    "CREATE TRIGGER attempt_grades_added AFTER INSERT ON attempt_grades FOR EACH ROW "
    "WHEN (NEW.grader_id IS NOT NULL) EXECUTE FUNCTION note_grade_change()",
    "CREATE TRIGGER attempt_grades_changed AFTER UPDATE OF points ON attempt_grades FOR EACH ROW "
    "WHEN (OLD.points <> NEW.points) EXECUTE FUNCTION note_grade_change()",
    f"CREATE TRIGGER exam_attempts_summed AFTER UPDATE OF {_SHOWN} ON exam_attempts FOR EACH ROW "
    f"WHEN ((OLD.completed_at IS NOT NULL OR NEW.completed_at IS NOT NULL) AND ({_WAS}) IS DISTINCT FROM ({_IS})) "
    "EXECUTE FUNCTION note_summary_change()",
    "CREATE TRIGGER exam_attempts_added AFTER INSERT ON exam_attempts FOR EACH ROW "
    "WHEN (NEW.completed_at IS NOT NULL) EXECUTE FUNCTION note_summary_change()",
    "CREATE TRIGGER exam_attempts_gone AFTER DELETE ON exam_attempts FOR EACH ROW "
    "WHEN (OLD.completed_at IS NOT NULL) EXECUTE FUNCTION note_summary_change()",
    f"""
    CREATE FUNCTION public.refresh_summary_views() RETURNS void {_DEFINER} AS $$
    BEGIN
        -- First, so that what is added up includes every change that is removed here.
        DELETE FROM summary_changes;
        {{rebuild}}
    END $$
    """,  # noqa: S608
)


_TRIGGERS = (
    "flags_exam ON flags",
    "exams_gone ON exams",
    *(f"exam_enrollments_{name} ON exam_enrollments" for name in ("added", "changed", "gone")),
    *(f"attempt_grades_{name} ON attempt_grades" for name in ("added", "changed")),
    *(f"exam_attempts_{name} ON exam_attempts" for name in ("counted", "recounted", "summed", "added", "gone")),
)
_FUNCTIONS = (
    "set_exam_of_flag",
    "count_enrollments",
    "count_attempts",
    "drop_exam_counts",
    "rebuild_exam_counts",
    "note_summary_change",
    "note_grade_change",
    "refresh_summary_views",
)
_INDEXES = (
    ("ix_users_role_username", "users"),
    ("ix_exam_attempts_student_id_exam_id", "exam_attempts"),
    ("ix_users_search", "users"),
    ("ix_instructions_sent", "instructions"),
    ("ix_exam_attempts_risky", "exam_attempts"),
    ("ix_exam_attempts_deadline", "exam_attempts"),
    ("ix_flags_undecided", "flags"),
    ("ix_flags_exam_id_id", "flags"),
    ("ix_audit_logs_action_id", "audit_logs"),
)
_REFRESH_VIEWS = """
    CREATE FUNCTION public.refresh_summary_views() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        REFRESH MATERIALIZED VIEW CONCURRENTLY public.exam_performance_summary;
        REFRESH MATERIALIZED VIEW CONCURRENTLY public.student_risk_summary;
    END $$
"""


def _upsert(table: str, view: str, key: str) -> str:
    shown = "average_score average_integrity average_lmi flagged as_of "
    shown += (
        "items total_attempts pass_rate high_risk_count safe incapable copy no_interest unknown"
        if key == "exam_id"
        else "attempts high_risk last_attempt_at"
    )
    changed = ", ".join(f"{name} = excluded.{name}" for name in shown.split())
    return (
        f"INSERT INTO {table} SELECT * FROM {view} ON CONFLICT ({key}) DO UPDATE SET {changed}; "  # noqa: S608
        f"DELETE FROM {table} WHERE as_of < now();"
    )


def upgrade() -> None:
    """Change the schema."""
    for statement in _EXAM_OF_FLAGS:
        op.execute(statement)
    _add_indexes()
    _add_tables()
    for statement in _COUNTS:
        op.execute(statement)
    rebuild = _upsert("exam_performance_summary", "exam_performance_now", "exam_id")
    rebuild += _upsert("student_risk_summary", "student_risk_now", "student_id")
    for statement in _SUMMARIES:
        op.execute(statement.replace("{rebuild}", rebuild))


def downgrade() -> None:
    """Undo the change. The extension stays: others may use it."""
    for name in _TRIGGERS:
        trigger, table = name.split(" ON ")
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION public.{function}()")
    for key, table, view in (
        ("exam_id", "exam_performance_summary", _PERFORMANCE),
        ("student_id", "student_risk_summary", _RISKS),
    ):
        op.drop_table(table)
        op.execute(f"DROP VIEW {table.replace('summary', 'now')}")
        op.execute(f"CREATE MATERIALIZED VIEW {table} AS {view}")
        op.execute(f"CREATE UNIQUE INDEX uq_{table} ON {table} ({key})")
    op.execute(_REFRESH_VIEWS)
    op.execute("REVOKE ALL ON FUNCTION public.refresh_summary_views() FROM PUBLIC")
    op.drop_table("summary_changes")
    op.drop_table("exam_counts")
    for index, table in _INDEXES:
        op.drop_index(index, table_name=table)
    op.create_index(
        "ix_exam_attempts_deadline", "exam_attempts", ["deadline"], postgresql_where=sa.text(f"status {_RUNS}")
    )
    op.drop_column("flags", "exam_id")


def _add_indexes() -> None:
    op.create_index("ix_audit_logs_action_id", "audit_logs", ["action", "id"])
    op.create_index("ix_flags_exam_id_id", "flags", ["exam_id", "id"])
    op.create_index(
        "ix_flags_undecided",
        "flags",
        ["exam_id", "raised_at", "id"],
        postgresql_include=["attempt_id"],
        postgresql_where=sa.text(_UNDECIDED),
    )
    op.drop_index("ix_exam_attempts_deadline", table_name="exam_attempts")
    op.create_index(
        "ix_exam_attempts_deadline",
        "exam_attempts",
        ["status", "deadline"],
        postgresql_where=sa.text(f"status {_RUNS}"),
    )
    op.create_index(
        "ix_exam_attempts_risky", "exam_attempts", ["exam_id", "student_id"], postgresql_where=sa.text(_RISKY)
    )
    op.create_index("ix_exam_attempts_student_id_exam_id", "exam_attempts", ["student_id", "exam_id"])
    op.create_index("ix_users_role_username", "users", ["role", "username"])
    op.create_index("ix_instructions_sent", "instructions", ["valid_until"], postgresql_where=sa.text("state = 'sent'"))
    # A trusted extension: the owner of the database may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public")
    op.create_index(
        "ix_users_search",
        "users",
        ["username", "full_name", "email"],
        postgresql_using="gin",
        postgresql_ops={"username": "gin_trgm_ops", "full_name": "gin_trgm_ops", "email": "gin_trgm_ops"},
    )


def _add_tables() -> None:
    op.create_table(
        "exam_counts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("exam_id", sa.UUID(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
            for name in ("roster", "attempts", "running", "ungraded")
        ),
        sa.Column("is_change", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exam_counts")),
    )
    op.create_index(op.f("ix_exam_counts_exam_id"), "exam_counts", ["exam_id"])
    op.create_index("ix_exam_counts_changes", "exam_counts", ["exam_id"], postgresql_where=sa.text("is_change"))
    op.create_table(
        "summary_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("student_id", sa.UUID(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_summary_changes")),
    )
    op.create_index(op.f("ix_summary_changes_exam_id"), "summary_changes", ["exam_id"])
