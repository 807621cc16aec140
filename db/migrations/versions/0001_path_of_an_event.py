"""Lay the tables of an event's path: people, exams, attempts, events, judgements, the trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_people()
    _create_exams()
    _create_credentials()
    _create_attempts()
    _create_events()
    _create_judgement()
    _create_trail()


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)


_TABLES = (
    "audit_logs",
    "exam_feed",
    "feed_heads",
    "analysis_cursors",
    "flag_reviews",
    "flags",
    "rejected_events",
    "monitoring_events",
    "connections",
    "event_streams",
    "instructions",
    "exam_attempts",
    "candidate_codes",
    "ws_tickets",
    "refresh_tokens",
    "exam_enrollments",
    "exam_policies",
    "exams",
    "teacher_profiles",
    "student_profiles",
    "users",
)


def _create_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last_login", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_ip", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('student', 'teacher', 'admin', 'service')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )
    op.create_table(
        "student_profiles",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("enrollment_id", sa.Text(), nullable=True),
        sa.Column("cohort", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_student_profiles_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_student_profiles")),
        sa.UniqueConstraint("enrollment_id", name=op.f("uq_student_profiles_enrollment_id")),
    )
    op.create_table(
        "teacher_profiles",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("can_create_exams", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_teacher_profiles_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_teacher_profiles")),
    )


def _create_exams() -> None:
    op.create_table(
        "exams",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("creator_id", sa.UUID(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("subject", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("is_published", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("duration_minutes > 0", name=op.f("ck_exams_duration")),
        sa.ForeignKeyConstraint(["creator_id"], ["users.id"], name=op.f("fk_exams_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exams")),
    )
    op.create_index(op.f("ix_exams_creator_id"), "exams", ["creator_id"], unique=False)
    op.create_table(
        "exam_policies",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_exam_policies_exam_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exam_policies")),
        sa.UniqueConstraint("exam_id", "version", name=op.f("uq_exam_policies_exam_id_version")),
    )
    op.create_table(
        "exam_enrollments",
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("student_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["exam_id"], ["exams.id"], name=op.f("fk_exam_enrollments_exam_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("fk_exam_enrollments_student_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("exam_id", "student_id", name=op.f("pk_exam_enrollments")),
    )
    op.create_index(op.f("ix_exam_enrollments_student_id"), "exam_enrollments", ["student_id"], unique=False)


def _create_credentials() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("family", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("exam_id", sa.UUID(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by", sa.UUID(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_refresh_tokens_user_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_refresh_tokens_exam_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_refresh_tokens_hash")),
    )
    op.create_index(op.f("ix_refresh_tokens_family"), "refresh_tokens", ["family"], unique=False)
    op.create_index(op.f("ix_refresh_tokens_user_id"), "refresh_tokens", ["user_id"], unique=False)
    op.create_table(
        "ws_tickets",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("session", sa.UUID(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_ws_tickets_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_ws_tickets")),
    )
    op.create_index(op.f("ix_ws_tickets_expires_at"), "ws_tickets", ["expires_at"], unique=False)
    op.create_table(
        "candidate_codes",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("student_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_candidate_codes_exam_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("fk_candidate_codes_student_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_candidate_codes")),
    )
    op.create_index(op.f("ix_candidate_codes_student_id"), "candidate_codes", ["student_id"], unique=False)


def _create_attempts() -> None:
    op.create_table(
        "exam_attempts",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("student_id", sa.UUID(), nullable=False),
        sa.Column("ix", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("rulebook_version", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("integrity_score", sa.Double(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'in_progress', 'paused', 'submitted', 'timed_out', 'ended', 'reopened', "
            "'abandoned', 'declined')",
            name=op.f("ck_exam_attempts_status"),
        ),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_exam_attempts_exam_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["exam_policies.id"], name=op.f("fk_exam_attempts_policy_id")),
        sa.ForeignKeyConstraint(["student_id"], ["users.id"], name=op.f("fk_exam_attempts_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exam_attempts")),
        sa.UniqueConstraint("exam_id", "ix", name=op.f("uq_exam_attempts_exam_id_ix")),
    )
    op.create_index(op.f("ix_exam_attempts_student_id"), "exam_attempts", ["student_id"], unique=False)
    op.create_index(
        "uq_exam_attempts_running",
        "exam_attempts",
        ["exam_id", "student_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('waiting', 'in_progress', 'paused', 'reopened')"),
    )
    op.create_table(
        "instructions",
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=False),
        sa.Column("command_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'sent'"), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('sent', 'done', 'failed', 'expired')", name=op.f("ck_instructions_state")),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_instructions_actor_id")),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_instructions_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", "n", name=op.f("pk_instructions")),
        sa.UniqueConstraint("command_id", "attempt_id", name=op.f("uq_instructions_command_id_attempt_id")),
    )


def _create_events() -> None:
    op.create_table(
        "event_streams",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("boot", sa.UUID(), nullable=True),
        sa.Column("time_base", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(kind = 'client') = (boot IS NOT NULL)", name=op.f("ck_event_streams_boot")),
        sa.CheckConstraint("kind IN ('client', 'system')", name=op.f("ck_event_streams_kind")),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_event_streams_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_streams")),
    )
    op.create_index("ix_event_streams_attempt_id_boot", "event_streams", ["attempt_id", "boot"], unique=False)
    op.create_index(
        "uq_event_streams_system",
        "event_streams",
        ["attempt_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'system'"),
    )
    op.create_table(
        "connections",
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("stream_id", sa.UUID(), nullable=False),
        sa.Column("hub", sa.UUID(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_connections_attempt_id")),
        sa.ForeignKeyConstraint(["stream_id"], ["event_streams.id"], name=op.f("fk_connections_stream_id")),
        sa.PrimaryKeyConstraint("attempt_id", "generation", name=op.f("pk_connections")),
    )
    op.create_table(
        "monitoring_events",
        sa.Column("stream_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mono", sa.BigInteger(), nullable=False),
        sa.Column("client_timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("server_timestamp", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("data_payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "seq", name=op.f("pk_monitoring_events")),
        postgresql_partition_by="RANGE (stream_id)",
    )
    op.create_index(
        "ix_monitoring_events_server_timestamp",
        "monitoring_events",
        ["server_timestamp"],
        unique=False,
        postgresql_using="brin",
    )
    op.create_table(
        "rejected_events",
        sa.Column("stream_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "seq", name=op.f("pk_rejected_events")),
    )
    op.execute("CREATE TABLE monitoring_events_default PARTITION OF monitoring_events DEFAULT")


def _create_judgement() -> None:
    op.create_table(
        "flags",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("episode_key", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("last_fact_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("severity IN ('normal', 'warning', 'critical')", name=op.f("ck_flags_severity")),
        sa.CheckConstraint("source IN ('rule', 'llm', 'service', 'teacher')", name=op.f("ck_flags_source")),
        sa.CheckConstraint(
            "status IN ('open', 'confirmed', 'dismissed', 'escalated', 'withdrawn')", name=op.f("ck_flags_status")
        ),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_flags_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flags")),
        sa.UniqueConstraint(
            "attempt_id",
            "rule",
            "rule_version",
            "episode_key",
            name=op.f("uq_flags_attempt_id_rule_rule_version_episode_key"),
        ),
    )
    op.create_table(
        "flag_reviews",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("flag_id", sa.UUID(), nullable=False),
        sa.Column("reviewer_id", sa.UUID(), nullable=False),
        sa.Column("command_id", sa.UUID(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=False),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["flag_id"], ["flags.id"], name=op.f("fk_flag_reviews_flag_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name=op.f("fk_flag_reviews_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag_reviews")),
        sa.UniqueConstraint("command_id", name=op.f("uq_flag_reviews_command_id")),
    )
    op.create_index(op.f("ix_flag_reviews_flag_id"), "flag_reviews", ["flag_id"], unique=False)
    op.create_table(
        "analysis_cursors",
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("positions", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "fold_order", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("state", sa.LargeBinary(), server_default=sa.text("''"), nullable=False),
        sa.Column("facts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("folded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_analysis_cursors_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_analysis_cursors")),
    )


def _create_trail() -> None:
    op.create_table(
        "feed_heads",
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("head", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_feed_heads_exam_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("exam_id", name=op.f("pk_feed_heads")),
    )
    op.create_table(
        "exam_feed",
        sa.Column("exam_id", sa.UUID(), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("appended_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("exam_id", "offset", name=op.f("pk_exam_feed")),
    )
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_audit_logs_actor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_logs")),
    )
    op.create_index("ix_audit_logs_resource", "audit_logs", ["resource", "resource_id"], unique=False)
