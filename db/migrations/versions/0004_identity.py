"""Sessions, devices, second factors and idempotency keys; e-mail addresses no longer unique; who made an account."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ROSTER_COLUMNS = ("name", "email", "enrollment_id", "cohort")


def upgrade() -> None:
    """Change the schema."""
    _create_sessions()
    _create_devices()
    _create_second_factors()
    _create_idempotency_keys()
    _add_origin()
    _keep_what_rosters_say()


def downgrade() -> None:
    """Undo the change. Of several accounts with one e-mail address, only the oldest keeps it."""
    for column in _ROSTER_COLUMNS:
        op.drop_column("exam_enrollments", column)
    op.drop_constraint(op.f("ck_users_origin"), "users")
    op.drop_column("users", "origin")
    op.execute(
        """
        UPDATE users SET email = NULL
        WHERE EXISTS (SELECT FROM users AS older WHERE older.email = users.email AND older.id < users.id)
        """
    )
    op.create_unique_constraint(op.f("uq_users_email"), "users", ["email"])
    op.drop_table("idempotency_keys")
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
    op.drop_table("devices")
    _drop_sessions()


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("exam_id", sa.UUID(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_s", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("place", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_sessions_exam_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_index(op.f("ix_sessions_ends_at"), "sessions", ["ends_at"], unique=False)
    # Families become sessions. Those of staff end within 12 hours: their tokens were renewed for ever.
    op.execute(
        """
        INSERT INTO sessions (id, user_id, exam_id, opened_at, last_used_at, ends_at, ended_at, end_reason)
        SELECT family, (array_agg(user_id))[1], (array_agg(exam_id))[1], min(refresh_tokens.created_at),
               max(refresh_tokens.created_at),
               CASE WHEN min(users.role) = 'student' THEN max(expires_at)
                    ELSE least(max(expires_at), now() + interval '12 hours') END,
               CASE WHEN bool_or(revoked_at IS NULL) THEN NULL ELSE max(revoked_at) END,
               CASE WHEN bool_or(revoked_at IS NULL) THEN NULL ELSE 'signed_out' END
        FROM refresh_tokens JOIN users ON users.id = user_id
        GROUP BY family
        """
    )
    op.create_foreign_key(
        op.f("fk_refresh_tokens_family"), "refresh_tokens", "sessions", ["family"], ["id"], ondelete="CASCADE"
    )
    for column in ("user_id", "exam_id", "expires_at", "revoked_at"):
        op.drop_column("refresh_tokens", column)


def _drop_sessions() -> None:
    for column, kind in (("user_id", sa.UUID()), ("exam_id", sa.UUID())):
        op.add_column("refresh_tokens", sa.Column(column, kind, nullable=True))
    for column in ("expires_at", "revoked_at"):
        op.add_column("refresh_tokens", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.execute(
        """
        UPDATE refresh_tokens
        SET user_id = sessions.user_id, exam_id = sessions.exam_id, expires_at = sessions.ends_at,
            revoked_at = sessions.ended_at
        FROM sessions WHERE sessions.id = refresh_tokens.family
        """
    )
    for column in ("user_id", "expires_at"):
        op.alter_column("refresh_tokens", column, nullable=False)
    op.create_foreign_key(
        op.f("fk_refresh_tokens_user_id"), "refresh_tokens", "users", ["user_id"], ["id"], ondelete="CASCADE"
    )
    op.create_foreign_key(
        op.f("fk_refresh_tokens_exam_id"), "refresh_tokens", "exams", ["exam_id"], ["id"], ondelete="CASCADE"
    )
    op.create_index(op.f("ix_refresh_tokens_user_id"), "refresh_tokens", ["user_id"], unique=False)
    op.drop_constraint(op.f("fk_refresh_tokens_family"), "refresh_tokens", type_="foreignkey")
    op.drop_table("sessions")


def _create_devices() -> None:
    op.create_table(
        "devices",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_devices_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", "user_id", name=op.f("pk_devices")),
    )
    op.create_index(op.f("ix_devices_user_id"), "devices", ["user_id"], unique=False)
    op.create_index(op.f("ix_devices_last_used_at"), "devices", ["last_used_at"], unique=False)


def _create_second_factors() -> None:
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_counter", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_second_factors_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"], unique=False)


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_idempotency_keys_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_user_id"), "idempotency_keys", ["user_id"], unique=False)
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)


def _add_origin() -> None:
    op.add_column("users", sa.Column("origin", sa.Text(), server_default=sa.text("'staff'"), nullable=False))
    op.create_check_constraint(op.f("ck_users_origin"), "users", "origin IN ('self', 'staff', 'service', 'provider')")
    op.execute("UPDATE users SET origin = 'self' FROM audit_logs WHERE action = 'register' AND actor_id = users.id")
    op.drop_constraint(op.f("uq_users_email"), "users")


def _keep_what_rosters_say() -> None:
    for column in _ROSTER_COLUMNS:
        op.add_column("exam_enrollments", sa.Column(column, sa.Text(), nullable=True))
    # Teachers have seen the account's name. The rest was theirs only where the roster made the account, which
    # happened in one transaction.
    op.execute(
        """
        UPDATE exam_enrollments AS entry
        SET name = users.full_name,
            email = CASE WHEN users.created_at = entry.created_at THEN users.email END,
            enrollment_id = CASE WHEN users.created_at = entry.created_at THEN profile.enrollment_id END,
            cohort = CASE WHEN users.created_at = entry.created_at THEN profile.cohort END
        FROM users LEFT JOIN student_profiles AS profile ON profile.user_id = users.id
        WHERE users.id = entry.student_id
        """
    )
