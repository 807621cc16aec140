"""Make the whole surface: items, answers, grades, permissions, analyses, metrics; audit rows are only ever added."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB(astext_type=sa.Text())

# Refreshed CONCURRENTLY, which wants a unique index. Only attempts that have ended count.
_VIEWS = (
    """
    CREATE MATERIALIZED VIEW exam_performance_summary AS
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
    """,
    "CREATE UNIQUE INDEX uq_exam_performance_summary ON exam_performance_summary (exam_id)",
    """
    CREATE MATERIALIZED VIEW student_risk_summary AS
    SELECT student_id,
           count(*) AS attempts,
           count(*) FILTER (WHERE dropout_label IN ('copy', 'incapable')) AS high_risk,
           count(*) FILTER (WHERE flagged) AS flagged,
           avg(percentage) AS average_score,
           avg(integrity_score) AS average_integrity,
           avg(lmi) AS average_lmi,
           max(completed_at) AS last_attempt_at,
           now() AS as_of
    FROM exam_attempts
    WHERE completed_at IS NOT NULL
    GROUP BY student_id
    """,
    "CREATE UNIQUE INDEX uq_student_risk_summary ON student_risk_summary (student_id)",
)

_APPEND_ONLY = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER audit_logs_not_truncated BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)


def upgrade() -> None:
    op.create_table(
        "performance_metrics",
        sa.Column("student_id", sa.UUID(), nullable=False),
        sa.Column("total_exams", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("passed_exams", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("avg_score", sa.Double(), nullable=True),
        sa.Column("subject_scores", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("strengths", _JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("weaknesses", _JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("avg_integrity_score", sa.Double(), nullable=True),
        sa.Column("integrity_trend", sa.Text(), nullable=True),
        sa.Column("avg_lmi", sa.Double(), nullable=True),
        sa.Column("lmi_trend", sa.Text(), nullable=True),
        sa.Column("current_risk_label", sa.Text(), nullable=True),
        sa.Column("flagged_for_intervention", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("last_attempt_date", _MOMENT, nullable=True),
        sa.Column("updated_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "current_risk_label IN ('safe', 'incapable', 'copy', 'no_interest')",
            name=op.f("ck_performance_metrics_current_risk_label"),
        ),
        sa.CheckConstraint(
            "integrity_trend IN ('up', 'steady', 'down')", name=op.f("ck_performance_metrics_integrity_trend")
        ),
        sa.CheckConstraint("lmi_trend IN ('up', 'steady', 'down')", name=op.f("ck_performance_metrics_lmi_trend")),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("fk_performance_metrics_student_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("student_id", name=op.f("pk_performance_metrics")),
    )
    op.create_index(
        "ix_performance_metrics_flagged",
        "performance_metrics",
        ["student_id"],
        unique=False,
        postgresql_where=sa.text("flagged_for_intervention"),
    )
    op.create_table(
        "service_keys",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", _JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_service_keys_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_service_keys_hash")),
    )
    op.create_index(op.f("ix_service_keys_user_id"), "service_keys", ["user_id"], unique=False)
    op.create_table(
        "exam_items",
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("choices", _JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("answer_key", _JSON, nullable=True),
        sa.Column("points", sa.Double(), nullable=False),
        sa.CheckConstraint("kind IN ('choice', 'multiple', 'number', 'text')", name=op.f("ck_exam_items_kind")),
        sa.CheckConstraint("points >= 0", name=op.f("ck_exam_items_points")),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_exam_items_exam_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("exam_id", "version", "item", name=op.f("pk_exam_items")),
        sa.UniqueConstraint("exam_id", "version", "position", name=op.f("uq_exam_items_exam_id_version_position")),
    )
    op.create_table(
        "teacher_exam_permissions",
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("teacher_id", sa.UUID(), nullable=False),
        sa.Column("can_view", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("can_edit", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("can_invigilate", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("can_review", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("can_view_analytics", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("granted_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["exam_id"], ["exams.id"], name=op.f("fk_teacher_exam_permissions_exam_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["teacher_id"], ["users.id"], name=op.f("fk_teacher_exam_permissions_teacher_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("exam_id", "teacher_id", name=op.f("pk_teacher_exam_permissions")),
    )
    op.create_index(
        op.f("ix_teacher_exam_permissions_teacher_id"), "teacher_exam_permissions", ["teacher_id"], unique=False
    )
    op.create_table(
        "attempt_answers",
        sa.Column("stream_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("value", _JSON, nullable=False),
        sa.Column("occurred_at", _MOMENT, nullable=False),
        sa.Column("stored_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_attempt_answers_attempt_id")),
        sa.PrimaryKeyConstraint("stream_id", "seq", name=op.f("pk_attempt_answers")),
    )
    op.create_index(
        "ix_attempt_answers_latest",
        "attempt_answers",
        ["attempt_id", "item", "occurred_at", "stream_id", "seq"],
        unique=False,
    )
    op.create_table(
        "attempt_grades",
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("grader_id", sa.UUID(), nullable=True),
        sa.Column("comment", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("graded_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_attempt_grades_attempt_id")),
        sa.ForeignKeyConstraint(["grader_id"], ["users.id"], name=op.f("fk_attempt_grades_grader_id")),
        sa.PrimaryKeyConstraint("attempt_id", "item", name=op.f("pk_attempt_grades")),
    )
    op.create_table(
        "behavior_analysis",
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("model_state", sa.Text(), server_default=sa.text("'off'"), nullable=False),
        sa.Column("due_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("facts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_monitoring_events", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("anomaly_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("critical_events", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("integrity_score", sa.Double(), nullable=True),
        sa.Column("coverage", sa.Double(), nullable=True),
        sa.Column("lmi_score", sa.Double(), nullable=True),
        sa.Column("improvement_trend", sa.Text(), nullable=True),
        sa.Column("originality_indicators", _JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("dropout_label", sa.Text(), nullable=True),
        sa.Column("dropout_confidence", sa.Double(), nullable=True),
        sa.Column("llm_summary", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("llm_recommendations", _JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("llm_model_version", sa.Text(), server_default=sa.text("'rules'"), nullable=False),
        sa.Column("requires_instructor_attention", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("requires_recap", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("analysed_at", _MOMENT, nullable=True),
        sa.CheckConstraint(
            "dropout_label IN ('safe', 'incapable', 'copy', 'no_interest')",
            name=op.f("ck_behavior_analysis_dropout_label"),
        ),
        sa.CheckConstraint(
            "improvement_trend IN ('up', 'steady', 'down')", name=op.f("ck_behavior_analysis_improvement_trend")
        ),
        sa.CheckConstraint(
            "model_state IN ('off', 'pending', 'done', 'failed')", name=op.f("ck_behavior_analysis_model_state")
        ),
        sa.CheckConstraint("state IN ('pending', 'done', 'stale', 'failed')", name=op.f("ck_behavior_analysis_state")),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_behavior_analysis_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_behavior_analysis")),
    )
    op.create_index(
        "ix_behavior_analysis_attention",
        "behavior_analysis",
        ["attempt_id"],
        unique=False,
        postgresql_where=sa.text("requires_instructor_attention"),
    )
    op.create_index(
        "ix_behavior_analysis_due",
        "behavior_analysis",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'done' OR model_state = 'pending'"),
    )
    op.create_table(
        "model_runs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("output", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("claims_dropped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duration_ms", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ran_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('off', 'pending', 'done', 'failed')", name=op.f("ck_model_runs_state")),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_model_runs_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_runs")),
    )
    op.create_index(op.f("ix_model_runs_attempt_id"), "model_runs", ["attempt_id"], unique=False)
    op.add_column(
        "exam_attempts", sa.Column("items_version", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("connections", sa.Column("heard_at", _MOMENT, nullable=True))
    op.add_column("exam_attempts", sa.Column("coverage", sa.Double(), nullable=True))
    op.add_column("exam_attempts", sa.Column("lmi", sa.Double(), nullable=True))
    op.add_column("exam_attempts", sa.Column("dropout_label", sa.Text(), nullable=True))
    op.add_column("exam_attempts", sa.Column("flagged", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("exam_attempts", sa.Column("score", sa.Double(), nullable=True))
    op.add_column("exam_attempts", sa.Column("max_score", sa.Double(), nullable=True))
    op.add_column("exam_attempts", sa.Column("percentage", sa.Double(), nullable=True))
    op.add_column("exam_attempts", sa.Column("passed", sa.Boolean(), nullable=True))
    op.add_column("exam_attempts", sa.Column("duration_seconds", sa.Integer(), nullable=True))
    op.add_column("exam_attempts", sa.Column("submission_data", _JSON, nullable=True))
    op.add_column("exam_attempts", sa.Column("receipt", _JSON, nullable=True))
    op.add_column("exam_attempts", sa.Column("grade_final_at", _MOMENT, nullable=True))
    op.drop_index(op.f("ix_exam_attempts_student_id"), table_name="exam_attempts")
    op.create_index(
        "ix_exam_attempts_deadline",
        "exam_attempts",
        ["deadline"],
        unique=False,
        postgresql_where=sa.text("status IN ('in_progress', 'paused', 'reopened')"),
    )
    op.create_index(
        "ix_exam_attempts_student_id_started_at", "exam_attempts", ["student_id", "started_at"], unique=False
    )
    op.add_column("exams", sa.Column("topic", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("exams", sa.Column("max_score", sa.Double(), server_default=sa.text("0"), nullable=False))
    op.add_column("exams", sa.Column("passing_score", sa.Double(), server_default=sa.text("0"), nullable=False))
    op.add_column("exams", sa.Column("opens_at", _MOMENT, nullable=True))
    op.add_column("exams", sa.Column("closes_at", _MOMENT, nullable=True))
    op.add_column("exams", sa.Column("enable_monitoring", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column(
        "exams", sa.Column("enable_integrity_analysis", sa.Boolean(), server_default=sa.text("true"), nullable=False)
    )
    op.add_column("exams", sa.Column("enable_model", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("exams", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("exams", sa.Column("items_version", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("exams", sa.Column("results_released_at", _MOMENT, nullable=True))
    op.create_index(
        "ix_flags_open",
        "flags",
        ["raised_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'escalated')"),
    )
    op.add_column("student_profiles", sa.Column("cumulative_integrity_score", sa.Double(), nullable=True))
    op.add_column("student_profiles", sa.Column("cumulative_lmi", sa.Double(), nullable=True))
    op.add_column(
        "student_profiles",
        sa.Column("total_exams_attempted", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "student_profiles", sa.Column("total_exams_passed", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("student_profiles", sa.Column("current_dropout_risk", sa.Text(), nullable=True))
    op.add_column(
        "student_profiles",
        sa.Column("flagged_for_review", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("teacher_profiles", sa.Column("subject_areas", _JSON, server_default=sa.text("'[]'"), nullable=False))
    op.add_column("teacher_profiles", sa.Column("credentials", sa.Text(), nullable=True))
    op.add_column("teacher_profiles", sa.Column("bio", sa.Text(), nullable=True))
    op.add_column(
        "teacher_profiles",
        sa.Column("can_view_analytics", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column(
        "teacher_profiles",
        sa.Column("can_manage_students", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.create_check_constraint("opening", "exams", "closes_at > opens_at")
    op.create_check_constraint("passing_score", "exams", "passing_score >= 0")
    op.create_check_constraint(
        "dropout_label", "exam_attempts", "dropout_label IN ('safe', 'incapable', 'copy', 'no_interest')"
    )
    op.create_index("ix_audit_logs_actor_id_id", "audit_logs", ["actor_id", "id"], unique=False)
    for statement in _VIEWS + _APPEND_ONLY:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_logs_append_only ON audit_logs")
    op.execute("DROP TRIGGER audit_logs_not_truncated ON audit_logs")
    op.execute("DROP FUNCTION refuse_change()")
    op.drop_index("ix_audit_logs_actor_id_id", table_name="audit_logs")
    op.execute("DROP MATERIALIZED VIEW student_risk_summary")
    op.execute("DROP MATERIALIZED VIEW exam_performance_summary")
    op.drop_column("connections", "heard_at")
    op.drop_constraint("dropout_label", "exam_attempts")
    op.drop_constraint("passing_score", "exams")
    op.drop_constraint("opening", "exams")
    op.drop_column("teacher_profiles", "can_manage_students")
    op.drop_column("teacher_profiles", "can_view_analytics")
    op.drop_column("teacher_profiles", "bio")
    op.drop_column("teacher_profiles", "credentials")
    op.drop_column("teacher_profiles", "subject_areas")
    op.drop_column("student_profiles", "flagged_for_review")
    op.drop_column("student_profiles", "current_dropout_risk")
    op.drop_column("student_profiles", "total_exams_passed")
    op.drop_column("student_profiles", "total_exams_attempted")
    op.drop_column("student_profiles", "cumulative_lmi")
    op.drop_column("student_profiles", "cumulative_integrity_score")
    op.drop_index("ix_flags_open", table_name="flags", postgresql_where=sa.text("status IN ('open', 'escalated')"))
    op.drop_column("exams", "results_released_at")
    op.drop_column("exams", "items_version")
    op.drop_column("exams", "version")
    op.drop_column("exams", "enable_model")
    op.drop_column("exams", "enable_integrity_analysis")
    op.drop_column("exams", "enable_monitoring")
    op.drop_column("exams", "closes_at")
    op.drop_column("exams", "opens_at")
    op.drop_column("exams", "passing_score")
    op.drop_column("exams", "max_score")
    op.drop_column("exams", "topic")
    op.drop_index("ix_exam_attempts_student_id_started_at", table_name="exam_attempts")
    op.drop_index(
        "ix_exam_attempts_deadline",
        table_name="exam_attempts",
        postgresql_where=sa.text("status IN ('in_progress', 'paused', 'reopened')"),
    )
    op.create_index(op.f("ix_exam_attempts_student_id"), "exam_attempts", ["student_id"], unique=False)
    op.drop_column("exam_attempts", "grade_final_at")
    op.drop_column("exam_attempts", "receipt")
    op.drop_column("exam_attempts", "submission_data")
    op.drop_column("exam_attempts", "duration_seconds")
    op.drop_column("exam_attempts", "passed")
    op.drop_column("exam_attempts", "percentage")
    op.drop_column("exam_attempts", "max_score")
    op.drop_column("exam_attempts", "score")
    op.drop_column("exam_attempts", "flagged")
    op.drop_column("exam_attempts", "dropout_label")
    op.drop_column("exam_attempts", "lmi")
    op.drop_column("exam_attempts", "coverage")
    op.drop_column("exam_attempts", "items_version")
    op.drop_index(op.f("ix_model_runs_attempt_id"), table_name="model_runs")
    op.drop_table("model_runs")
    op.drop_index(
        "ix_behavior_analysis_due",
        table_name="behavior_analysis",
        postgresql_where=sa.text("state <> 'done' OR model_state = 'pending'"),
    )
    op.drop_index(
        "ix_behavior_analysis_attention",
        table_name="behavior_analysis",
        postgresql_where=sa.text("requires_instructor_attention"),
    )
    op.drop_table("behavior_analysis")
    op.drop_table("attempt_grades")
    op.drop_index("ix_attempt_answers_latest", table_name="attempt_answers")
    op.drop_table("attempt_answers")
    op.drop_index(op.f("ix_teacher_exam_permissions_teacher_id"), table_name="teacher_exam_permissions")
    op.drop_table("teacher_exam_permissions")
    op.drop_table("exam_items")
    op.drop_index(op.f("ix_service_keys_user_id"), table_name="service_keys")
    op.drop_table("service_keys")
    op.drop_index(
        "ix_performance_metrics_flagged",
        table_name="performance_metrics",
        postgresql_where=sa.text("flagged_for_intervention"),
    )
    op.drop_table("performance_metrics")
