"""Observed spans of attempts, waivers, and what attempts record about sign-ins."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    _add_observation()
    _add_places()


def downgrade() -> None:
    """Undo the change."""
    op.drop_column("exam_attempts", "waived_at")
    op.drop_column("connections", "place")
    op.drop_column("analysis_cursors", "last_event_at")
    op.drop_column("analysis_cursors", "observed")


def _add_observation() -> None:
    """Add the observation of attempts. Those that are folded already have none, and keep their connections."""
    op.add_column("analysis_cursors", sa.Column("observed", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("analysis_cursors", sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=True))
    # Move `state` behind the new columns: it changes rarely, and PostgreSQL's log leaves out an unchanged end of a row.
    op.alter_column("analysis_cursors", "state", new_column_name="old_state")
    op.add_column(
        "analysis_cursors", sa.Column("state", sa.LargeBinary(), server_default=sa.text("''"), nullable=False)
    )
    op.execute("UPDATE analysis_cursors SET state = old_state WHERE old_state <> ''")
    op.drop_column("analysis_cursors", "old_state")


def _add_places() -> None:
    """Add the place of a connection, and when an invigilator waived the connection of an attempt."""
    op.add_column("connections", sa.Column("place", sa.Text(), nullable=True))
    op.add_column("exam_attempts", sa.Column("waived_at", sa.DateTime(timezone=True), nullable=True))
