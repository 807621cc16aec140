"""Holds, deletions after their time, and erased users."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_MOMENT = sa.DateTime(timezone=True)

# Deleting is final, so the database checks it too: whichever program asks, only an attempt that has ended a day ago and
# is not held loses its events; or one of an exam that is being deleted or of an erased user.
_GUARD = """
CREATE FUNCTION public.guard_event_deletion() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.events_deleted_at IS NOT NULL AND NEW.events_deleted_at IS NULL THEN
        RAISE EXCEPTION 'deleted events do not come back' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.events_deleted_at IS NULL OR OLD.events_deleted_at IS NOT NULL THEN
        RETURN NEW;
    END IF;
    IF NEW.status IN ('waiting', 'in_progress', 'paused', 'reopened') THEN
        RAISE EXCEPTION 'attempt % is running', NEW.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (SELECT FROM users WHERE id = NEW.student_id AND erased_at IS NOT NULL)
       OR EXISTS (SELECT FROM exams WHERE id = NEW.exam_id AND deleting_at IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    IF coalesce(NEW.completed_at, 'infinity') > now() - interval '1 day'
       OR EXISTS (SELECT FROM flags WHERE attempt_id = NEW.id AND status IN ('open', 'escalated'))
       OR EXISTS (SELECT FROM attempt_holds WHERE attempt_id = NEW.id AND released_at IS NULL
                  AND coalesce(until, 'infinity') > now()) THEN
        RAISE EXCEPTION 'attempt % is held', NEW.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""
_TRIGGER = """
CREATE TRIGGER exam_attempts_guard_events BEFORE UPDATE OF events_deleted_at ON exam_attempts
FOR EACH ROW EXECUTE FUNCTION guard_event_deletion()
"""

_DELETE_EVENTS = """
    stream uuid;
    upto bigint;
    gone bigint;
    total bigint := 0;
BEGIN
    -- An attempt that another deletion has just removed has none left.
    IF EXISTS (SELECT FROM exam_attempts WHERE id = wanted AND events_deleted_at IS NULL) THEN
        RAISE EXCEPTION 'the events of attempt % are not to be deleted', wanted
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR stream IN SELECT id FROM event_streams WHERE attempt_id = wanted ORDER BY id LOOP
        DELETE FROM rejected_events WHERE stream_id = stream;
        SELECT max(seq) INTO upto FROM (
            SELECT seq FROM monitoring_events WHERE stream_id = stream ORDER BY seq LIMIT most - total
        ) AS next;
        DELETE FROM monitoring_events WHERE stream_id = stream AND seq <= upto;
        GET DIAGNOSTICS gone = ROW_COUNT;
        total := total + gone;
        EXIT WHEN total >= most;
    END LOOP;
    IF total < most THEN
        -- The revision that counted stays: the one named at the end, or the latest if none is named. What comes after
        -- it or arrived after the end stays too. Numbers are stored, because their ranks would change.
        WITH ranked AS (
            SELECT stream_id, seq, item, occurred_at, stored_at, attempt.completed_at,
                   coalesce(revision, coalesce(max(revision) OVER (PARTITION BY item), 0) + row_number() OVER (
                       PARTITION BY item, revision IS NULL ORDER BY occurred_at, stream_id, seq)) AS number,
                   CASE WHEN attempt.submission_data IS NULL
                        THEN lead(seq) OVER (PARTITION BY item ORDER BY occurred_at, stream_id, seq) IS NULL
                        ELSE jsonb_extract_path(attempt.submission_data, 'stood', item)
                             IS NOT DISTINCT FROM jsonb_build_array(stream_id::text, seq) END AS counted
            FROM attempt_answers JOIN exam_attempts AS attempt ON attempt.id = attempt_id WHERE attempt_id = wanted
        ), numbered AS (
            SELECT stream_id, seq, number, coalesce(stored_at > completed_at, false)
                   OR bool_or(counted) OVER (PARTITION BY item ORDER BY occurred_at, stream_id, seq) AS stays
            FROM ranked
        ), deleted AS (
            DELETE FROM attempt_answers AS answer USING numbered
            WHERE answer.stream_id = numbered.stream_id AND answer.seq = numbered.seq AND NOT stays
        )
        UPDATE attempt_answers AS answer SET revision = number FROM numbered
        WHERE answer.stream_id = numbered.stream_id AND answer.seq = numbered.seq AND stays AND revision IS NULL;
        UPDATE analysis_cursors SET state = '' WHERE attempt_id = wanted;
        -- An analysis or summary that waits can no longer be made: the last one stays.
        UPDATE behavior_analysis
        SET state = CASE WHEN state = 'done' OR revision > 0 THEN 'done' ELSE 'failed' END,
            model_state = CASE model_state WHEN 'pending' THEN 'off' ELSE model_state END
        WHERE attempt_id = wanted AND (state <> 'done' OR model_state = 'pending');
        UPDATE exam_attempts SET has_events_left = false WHERE id = wanted;
    END IF;
    RETURN total;
END
"""

# A UUIDv7 begins with its time in ms, so the bounds of a day are ids.
_DROP_PARTITION = """
    name text := 'monitoring_events_' || to_char(day, 'YYYY_MM_DD');
    bounds uuid[];
BEGIN
    IF day > (now() AT TIME ZONE 'UTC')::date - 3 THEN
        RAISE EXCEPTION 'partition % is not old enough', name USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT array_agg((lpad(to_hex(86400000 * (midnight - date '1970-01-01')::bigint), 12, '0')
                      || repeat('0', 20))::uuid ORDER BY midnight)
    INTO bounds FROM unnest(ARRAY[day, day + 1]) AS midnight;
    IF EXISTS (
        SELECT FROM event_streams JOIN exam_attempts ON exam_attempts.id = event_streams.attempt_id
        WHERE event_streams.id >= bounds[1] AND event_streams.id < bounds[2] AND events_deleted_at IS NULL
    ) THEN
        RAISE EXCEPTION 'partition % has events to keep', name USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF to_regclass('public.' || name) IS NULL THEN
        RETURN false;
    END IF;
    DELETE FROM rejected_events WHERE stream_id >= bounds[1] AND stream_id < bounds[2];
    EXECUTE format('DROP TABLE public.%I', name);
    RETURN true;
END
"""

# The rows of a feed stay, because they are numbered; what was written about these attempts goes.
_CLEAR_FEED = """
    UPDATE exam_feed SET body = body || CASE kind
        WHEN 'flag' THEN '{"summary": "", "reason": null, "reviewed_by": null}'::jsonb
        ELSE '{"text": null}'::jsonb END
    FROM exam_attempts AS attempt
    WHERE attempt.id = ANY (%s) AND exam_feed.exam_id = attempt.exam_id
      AND kind IN ('flag', 'instruction') AND body ->> 'attempt_id' = attempt.id::text;
"""

# An attempt that runs or is held by now is left out.
_FREE = """
    PERFORM FROM exam_attempts WHERE id = ANY (wanted) ORDER BY id FOR UPDATE;
    SELECT array_agg(id) INTO free FROM exam_attempts AS attempt
    WHERE id = ANY (wanted) AND completed_at < now() - interval '1 day'
      AND status NOT IN ('waiting', 'in_progress', 'paused', 'reopened')
      AND NOT EXISTS (SELECT FROM flags WHERE attempt_id = attempt.id AND status IN ('open', 'escalated'))
      AND NOT EXISTS (SELECT FROM attempt_holds WHERE attempt_id = attempt.id AND released_at IS NULL
                      AND coalesce(until, 'infinity') > now());
"""
_DELETE_REVIEWS = f"""
    free uuid[];
BEGIN
    {_FREE}
    DELETE FROM model_runs WHERE attempt_id = ANY (free);
    UPDATE flag_reviews SET reason = '' FROM flags WHERE flags.id = flag_id AND attempt_id = ANY (free);
    UPDATE flags SET summary = '', evidence = '{{"numbers": {{}}, "cited": [], "events": []}}'
    WHERE attempt_id = ANY (free);
    UPDATE instructions SET body = '{{}}' WHERE attempt_id = ANY (free);
    UPDATE behavior_analysis SET llm_summary = '', llm_recommendations = '[]', originality_indicators = '[]',
           error = NULL, model_state = CASE model_state WHEN 'pending' THEN 'off' ELSE model_state END
    WHERE attempt_id = ANY (free);
    {_CLEAR_FEED % "free"}
    UPDATE exam_attempts SET reviews_deleted_at = now() WHERE id = ANY (free);
    RETURN coalesce(cardinality(free), 0);
END
"""  # noqa: S608 - constants
_DELETE_ANSWERS = f"""
    free uuid[];
BEGIN
    {_FREE}
    DELETE FROM attempt_answers WHERE attempt_id = ANY (free);
    UPDATE attempt_grades SET comment = '' WHERE attempt_id = ANY (free);
    UPDATE exam_attempts SET answers_deleted_at = now(), submission_data = NULL WHERE id = ANY (free);
    RETURN coalesce(cardinality(free), 0);
END
"""  # noqa: S608 - constants

# Every table with a column `attempt_id`, so that no new table is forgotten; streams last, because others refer to them.
_CLEAR_ATTEMPTS = f"""
    child text;
BEGIN
    IF EXISTS (SELECT FROM exam_attempts
               WHERE id = ANY (wanted) AND (events_deleted_at IS NULL OR has_events_left)) THEN
        RAISE EXCEPTION 'an attempt has events' USING ERRCODE = 'insufficient_privilege';
    END IF;
    {_CLEAR_FEED % "wanted"}
    DELETE FROM flag_reviews USING flags WHERE flags.id = flag_id AND attempt_id = ANY (wanted);
    FOR child IN
        SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'attempt_id'
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT attisdropped
        ORDER BY relname = 'event_streams', relname
    LOOP
        EXECUTE format('DELETE FROM public.%I WHERE attempt_id = ANY ($1)', child) USING wanted;
    END LOOP;
END
"""  # noqa: S608 - constants
_REMOVE_ATTEMPTS = """
    gone bigint;
BEGIN
    IF EXISTS (SELECT FROM exam_attempts JOIN exams ON exams.id = exam_id
               WHERE exam_attempts.id = ANY (wanted) AND kind <> 'practice' AND deleting_at IS NULL) THEN
        RAISE EXCEPTION 'an attempt is not to be removed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM clear_attempts(wanted);
    DELETE FROM exam_attempts WHERE id = ANY (wanted);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
"""
_REMOVE_EXAM = """
BEGIN
    IF EXISTS (SELECT FROM exams WHERE id = wanted AND deleting_at IS NULL) THEN
        RAISE EXCEPTION 'exam % is not to be deleted', wanted USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM exam_feed WHERE exam_id = wanted;
    DELETE FROM exams WHERE id = wanted;
END
"""

# Rows that belong to the user have a foreign key that cascades; places on rosters stay, because boards name them.
# What stays of an attempt: that there was one, when, and its marks.
_ERASE_USER = """
    child text;
    key text;
    attempts uuid[];
    erased_name text;
    erased_username text;
BEGIN
    SELECT full_name, username INTO erased_name, erased_username
    FROM users WHERE id = wanted AND erased_at IS NOT NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % is not to be erased', wanted USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT array_agg(id) INTO attempts FROM exam_attempts WHERE student_id = wanted;
    PERFORM clear_attempts(attempts);
    UPDATE exam_attempts SET submission_data = NULL, receipt = NULL, integrity_score = NULL, coverage = NULL,
           lmi = NULL, dropout_label = NULL, flagged = false, silent_since = NULL,
           reviews_deleted_at = coalesce(reviews_deleted_at, now()),
           answers_deleted_at = coalesce(answers_deleted_at, now())
    WHERE id = ANY (attempts);
    FOR child, key IN
        SELECT relname, attname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE contype = 'f' AND confrelid = 'public.users'::regclass AND confdeltype = 'c'
          AND relname <> 'exam_enrollments'
        ORDER BY relname
    LOOP
        EXECUTE format('DELETE FROM public.%I WHERE %I = $1', child, key) USING wanted;
    END LOOP;
    -- An answer names the person by id or username, or an attempt: a hold has a reason about it.
    DELETE FROM idempotency_keys WHERE strpos(response, to_json(erased_username)::text) > 0
        OR response LIKE ANY (SELECT '%' || id || '%' FROM unnest(attempts || wanted) AS id);
    DELETE FROM commands WHERE actor_id = wanted
        OR exam_id IN (SELECT exam_id FROM exam_enrollments WHERE student_id = wanted)
        OR exam_id IN (SELECT exam_id FROM exam_attempts WHERE student_id = wanted);
    UPDATE exam_feed SET body = body || '{"name": "Erased user"}'
    WHERE kind = 'student' AND body ->> 'student_id' = wanted::text;
    UPDATE exam_feed SET body = body || '{"reviewed_by": null}'
    WHERE kind = 'flag' AND (body ->> 'reviewed_by' = erased_name
        OR body ->> 'flag_id' IN (SELECT flag_id::text FROM flag_reviews WHERE reviewer_id = wanted));
    DELETE FROM audit_sources USING audit_logs WHERE audit_logs.id = audit_id
        AND (actor_id = wanted OR (resource = 'user' AND resource_id = wanted::text));
    UPDATE exam_enrollments SET removed_at = coalesce(removed_at, now()), name = NULL, email = NULL,
           enrollment_id = NULL, cohort = NULL
    WHERE student_id = wanted;
    -- With a space, which no username has: so no one can have taken it.
    UPDATE users SET username = 'erased ' || wanted, full_name = 'Erased user', email = NULL, password_hash = NULL,
           is_active = false, last_login = NULL, last_login_ip = NULL
    WHERE id = wanted;
END
"""

_FUNCTIONS = {
    "delete_attempt_events(wanted uuid, most bigint) RETURNS bigint": _DELETE_EVENTS,
    "drop_event_partition(day date) RETURNS boolean": _DROP_PARTITION,
    "delete_attempt_reviews(wanted uuid[]) RETURNS bigint": _DELETE_REVIEWS,
    "delete_attempt_answers(wanted uuid[]) RETURNS bigint": _DELETE_ANSWERS,
    "clear_attempts(wanted uuid[]) RETURNS void": _CLEAR_ATTEMPTS,
    "remove_attempts(wanted uuid[]) RETURNS bigint": _REMOVE_ATTEMPTS,
    "remove_exam(wanted uuid) RETURNS void": _REMOVE_EXAM,
    "erase_user(wanted uuid) RETURNS void": _ERASE_USER,
}
"""Functions with the rights of the owner: each checks by itself that what it deletes is to be deleted."""

_RISKS = """
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
FROM exam_attempts{real}
WHERE completed_at IS NOT NULL{only}
GROUP BY student_id
"""
_WITHOUT_PRACTICE = _RISKS.format(
    real=" JOIN exams ON exams.id = exam_attempts.exam_id", only=" AND exams.kind = 'real'"
)


def upgrade() -> None:
    op.create_table(
        "attempt_holds",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("attempt_id", sa.UUID(), nullable=False),
        sa.Column("placed_by", sa.UUID(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", _MOMENT, nullable=True),
        sa.Column("placed_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("released_at", _MOMENT, nullable=True),
        sa.Column("released_by", sa.UUID(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["exam_attempts.id"], name=op.f("fk_attempt_holds_attempt_id")),
        sa.ForeignKeyConstraint(["placed_by"], ["users.id"], name=op.f("fk_attempt_holds_placed_by")),
        sa.ForeignKeyConstraint(["released_by"], ["users.id"], name=op.f("fk_attempt_holds_released_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt_holds")),
    )
    op.create_index(op.f("ix_attempt_holds_attempt_id"), "attempt_holds", ["attempt_id"], unique=False)
    op.create_table(
        "notices",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("first_acknowledged_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_notices")),
    )
    op.create_table(
        "worker_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", _JSON, nullable=False),
        sa.Column("written_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker_settings")),
    )
    op.create_table(
        "retention_runs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("started_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("deleted", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_runs")),
    )
    op.add_column("users", sa.Column("erased_at", _MOMENT, nullable=True))
    op.add_column("exams", sa.Column("kind", sa.Text(), server_default=sa.text("'real'"), nullable=False))
    op.add_column("exams", sa.Column("deleting_at", _MOMENT, nullable=True))
    op.create_check_constraint("kind", "exams", "kind IN ('real', 'practice')")
    op.add_column("exam_attempts", sa.Column("notice", sa.BigInteger(), nullable=True))
    op.add_column("exam_attempts", sa.Column("events_deleted_at", _MOMENT, nullable=True))
    op.add_column(
        "exam_attempts", sa.Column("has_events_left", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("exam_attempts", sa.Column("reviews_deleted_at", _MOMENT, nullable=True))
    op.add_column("exam_attempts", sa.Column("answers_deleted_at", _MOMENT, nullable=True))
    op.add_column("attempt_answers", sa.Column("revision", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_exam_attempts_events_left",
        "exam_attempts",
        ["id"],
        unique=False,
        postgresql_where=sa.text("has_events_left"),
    )
    op.create_index(
        "ix_exam_attempts_kept",
        "exam_attempts",
        ["completed_at", "id"],
        unique=False,
        postgresql_where=sa.text("answers_deleted_at IS NULL OR reviews_deleted_at IS NULL"),
    )
    op.execute(_GUARD)
    op.execute(_TRIGGER)
    for signature, body in _FUNCTIONS.items():
        op.execute(
            f"CREATE FUNCTION public.{signature} LANGUAGE plpgsql SECURITY DEFINER "
            f"SET search_path = pg_catalog, public, pg_temp AS $$ DECLARE {body} $$"
        )
        op.execute(f"REVOKE ALL ON FUNCTION public.{signature.split('(')[0]} FROM PUBLIC")
    _make_risks(_WITHOUT_PRACTICE)


def downgrade() -> None:
    _make_risks(_RISKS.format(real="", only=""))
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION public.{signature.split('(')[0]}")
    op.execute("DROP TRIGGER exam_attempts_guard_events ON exam_attempts")
    op.execute("DROP FUNCTION guard_event_deletion()")
    op.drop_index("ix_exam_attempts_kept", table_name="exam_attempts")
    op.drop_index("ix_exam_attempts_events_left", table_name="exam_attempts")
    for column in ("answers_deleted_at", "reviews_deleted_at", "has_events_left", "events_deleted_at", "notice"):
        op.drop_column("exam_attempts", column)
    op.drop_column("attempt_answers", "revision")
    op.drop_constraint(op.f("ck_exams_kind"), "exams")
    op.drop_column("exams", "deleting_at")
    op.drop_column("exams", "kind")
    op.drop_column("users", "erased_at")
    for table in ("retention_runs", "worker_settings", "notices", "attempt_holds"):
        op.drop_table(table)


def _make_risks(view: str) -> None:
    op.execute("DROP MATERIALIZED VIEW student_risk_summary")
    op.execute(view)
    op.execute("CREATE UNIQUE INDEX uq_student_risk_summary ON student_risk_summary (student_id)")
