"""A hello in one statement: the function that opens a connection, and an index of each attempt's open connection."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Opens the connection of a plain hello. Everything else gives a row of NULLs and changes nothing; then the caller goes
# step by step (db/queries/connections/connections.py). It waits for no lock but that of a ticket that is used twice.
# Each statement sees what was committed before it, so what is read after a lock is current.
_OPEN = """
CREATE FUNCTION public.open_connection(
    p_attempt uuid, p_student uuid, p_ticket bytea, p_session uuid, p_hub uuid,
    p_boot uuid, p_stream uuid, p_new_stream uuid, p_acked bigint, p_next_seq bigint, p_mono bigint,
    p_seqs bigint[], p_ats bigint[], p_monos bigint[], p_place text, p_by_requests boolean,
    p_stream_ms bigint, p_early_ms bigint, p_most integer,
    OUT exam_id uuid, OUT ix integer, OUT status text, OUT deadline timestamptz, OUT closes_at timestamptz,
    OUT generation integer, OUT stream_id uuid, OUT committed bigint, OUT opened_at timestamptz,
    OUT last_seq bigint, OUT last_at timestamptz, OUT last_mono bigint,
    OUT rejected_seqs bigint[], OUT rejected_codes text[], OUT has_instructions boolean,
    OUT user_id uuid, OUT name text, OUT session_id uuid, OUT only_exam uuid, OUT is_self_made boolean
) LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_user uuid := p_student;
    v_name text;
    v_session uuid := p_session;
    v_only_exam uuid;
    v_is_self_made boolean;
    v_attempt record;
    v_stream uuid;
    v_system uuid;
    v_tail bigint;
    v_head record;
    v_last record;
    v_committed bigint := 0;
    v_now timestamptz;
    v_ms bigint;
    v_then timestamptz;
    v_data jsonb;
    v_open bigint;
    v_locked bigint;
BEGIN
    IF v_user IS NULL THEN
        IF p_ticket IS NOT NULL THEN
            SELECT session INTO v_session FROM ws_tickets
            WHERE hash = p_ticket AND purpose = 'monitor' AND expires_at > now();
        END IF;
        SELECT users.id, coalesce(enrolled.name, users.full_name), sessions.exam_id, users.origin = 'self'
        INTO v_user, v_name, v_only_exam, v_is_self_made
        FROM sessions
        JOIN users ON users.id = sessions.user_id
        LEFT JOIN exam_enrollments AS enrolled
            ON enrolled.exam_id = sessions.exam_id AND enrolled.student_id = sessions.user_id
        WHERE sessions.id = v_session AND sessions.ended_at IS NULL AND sessions.ends_at > now()
          AND coalesce(sessions.last_used_at + make_interval(secs => sessions.idle_s) > now(), true)
          AND users.is_active AND enrolled.removed_at IS NULL
          AND (sessions.exam_id IS NOT NULL OR users.role = 'student' AND users.origin <> 'self');
        IF NOT FOUND THEN RETURN; END IF;
    END IF;

    SELECT attempt.exam_id, attempt.ix, attempt.status, attempt.deadline, attempt.generation + 1 AS generation,
           coalesce(attempt.completed_at, attempt.deadline) AS closes_at, attempt.silent_since, exams.enable_monitoring
    INTO v_attempt
    FROM exam_attempts AS attempt JOIN exams ON exams.id = attempt.exam_id
    WHERE attempt.id = p_attempt AND attempt.student_id = v_user
      AND attempt.status IN ('in_progress', 'paused', 'reopened')
      AND EXISTS (
          SELECT FROM exam_enrollments AS enrolled
          WHERE enrolled.exam_id = attempt.exam_id AND enrolled.student_id = v_user AND enrolled.removed_at IS NULL
      )
    FOR NO KEY UPDATE OF attempt SKIP LOCKED;
    IF NOT FOUND OR v_only_exam <> v_attempt.exam_id THEN RETURN; END IF;
    v_now := clock_timestamp();
    v_ms := round(extract(epoch FROM v_now) * 1000);

    IF p_stream IS NULL THEN
        SELECT id INTO v_stream FROM event_streams
        WHERE attempt_id = p_attempt AND boot = p_boot ORDER BY id DESC LIMIT 1;
    ELSE
        SELECT id INTO v_stream FROM event_streams
        WHERE id = p_stream AND attempt_id = p_attempt AND boot = p_boot;
        IF NOT FOUND THEN RETURN; END IF;
    END IF;
    IF v_stream IS NULL THEN
        IF p_acked > 0 THEN RETURN; END IF;
        PERFORM FROM event_streams WHERE attempt_id = p_attempt AND kind = 'client' LIMIT 1;
        IF FOUND THEN RETURN; END IF;
    ELSE
        -- The first 48 bits of a UUIDv7 are milliseconds.
        IF v_ms - ('x' || left(replace(v_stream::text, '-', ''), 12))::bit(48)::bigint >= p_stream_ms - p_early_ms THEN
            RETURN;
        END IF;
        SELECT seq, event_type INTO v_head FROM monitoring_events
        WHERE stream_id = v_stream ORDER BY seq DESC LIMIT 1;
        IF FOUND THEN
            IF v_head.event_type = 'stream_closed' THEN RETURN; END IF;
            v_committed := v_head.seq;
        END IF;
        IF p_acked > v_committed OR p_next_seq <= v_committed THEN RETURN; END IF;
        IF v_committed >= ANY (p_seqs) THEN
            PERFORM FROM unnest(p_seqs, p_ats, p_monos) AS mark (seq, at, mono)
            LEFT JOIN monitoring_events AS event ON event.stream_id = v_stream AND event.seq = mark.seq
            WHERE mark.seq <= v_committed AND NOT coalesce(
                CASE WHEN event.seq IS NULL OR event.event_type IN ('rejected', 'events_lost', 'stream_closed')
                THEN mark.seq <= p_acked OR event.event_type = 'rejected'
                ELSE round(extract(epoch FROM event.client_timestamp) * 1000) = mark.at AND event.mono = mark.mono END,
                false);
            IF FOUND THEN RETURN; END IF;
        END IF;
    END IF;

    -- Open connections before the system stream, as a close locks them. The steps wait for one that is being closed.
    SELECT count(*) INTO v_open FROM connections WHERE attempt_id = p_attempt AND closed_at IS NULL;
    SELECT count(*) INTO v_locked FROM (
        SELECT FROM connections WHERE attempt_id = p_attempt AND closed_at IS NULL FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked;
    IF v_locked < v_open THEN RETURN; END IF;
    SELECT id INTO v_system FROM event_streams
    WHERE attempt_id = p_attempt AND kind = 'system' ORDER BY id DESC LIMIT 1;
    v_then := clock_timestamp();
    IF round(extract(epoch FROM v_then) * 1000)
       - ('x' || left(replace(v_system::text, '-', ''), 12))::bit(48)::bigint >= p_stream_ms THEN
        RETURN;
    END IF;
    PERFORM FROM event_streams WHERE id = v_system FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN; END IF;
    v_then := clock_timestamp();
    SELECT seq INTO v_tail FROM monitoring_events WHERE stream_id = v_system ORDER BY seq DESC LIMIT 1;
    v_tail := coalesce(v_tail, 0);

    IF p_ticket IS NOT NULL THEN
        DELETE FROM ws_tickets WHERE hash = p_ticket;
        IF NOT FOUND THEN RETURN; END IF;
    END IF;
    UPDATE exam_attempts SET generation = v_attempt.generation, silent_since = NULL WHERE id = p_attempt;
    IF v_stream IS NULL THEN
        v_stream := p_new_stream;
        INSERT INTO event_streams (id, attempt_id, kind, boot, time_base)
        VALUES (v_stream, p_attempt, 'client', p_boot, v_ms - p_mono);
    END IF;
    UPDATE connections SET closed_at = clock_timestamp(), cause = CASE WHEN EXISTS (
        SELECT FROM hub_leases WHERE hub_leases.hub = connections.hub
          AND (hub_leases.ended_at IS NOT NULL OR hub_leases.expires_at < clock_timestamp())
    ) THEN 'hub_gone' ELSE 'superseded' END
    WHERE attempt_id = p_attempt AND closed_at IS NULL;
    INSERT INTO connections (attempt_id, generation, stream_id, hub, heard_at, place)
    VALUES (p_attempt, v_attempt.generation, v_stream, p_hub, CASE WHEN p_by_requests THEN v_now END,
            CASE WHEN v_attempt.enable_monitoring THEN p_place END);
    v_data := jsonb_build_object('generation', v_attempt.generation, 'stream', v_stream::text);
    IF p_place IS NOT NULL AND v_attempt.enable_monitoring THEN
        v_data := v_data || jsonb_build_object('place', p_place);
    END IF;
    INSERT INTO monitoring_events
        (stream_id, seq, mono, client_timestamp, server_timestamp, event_type, data_payload)
    VALUES (v_system, v_tail + 1, round(extract(epoch FROM v_then) * 1000), v_then, v_then,
            'connection_opened', v_data);
    IF v_attempt.silent_since IS NOT NULL THEN
        INSERT INTO monitoring_events
            (stream_id, seq, mono, client_timestamp, server_timestamp, event_type, data_payload)
        VALUES (v_system, v_tail + 2, round(extract(epoch FROM v_then) * 1000), v_then, v_then, 'heartbeat_resumed',
                jsonb_build_object('silent_ms', greatest(0, v_ms
                    - round(extract(epoch FROM v_attempt.silent_since) * 1000)::bigint)));
    END IF;

    IF v_committed > p_acked THEN
        SELECT seq, client_timestamp, mono INTO v_last FROM monitoring_events
        WHERE stream_id = v_stream AND seq > p_acked AND seq <= v_committed
          AND event_type NOT IN ('rejected', 'events_lost', 'stream_closed')
        ORDER BY seq DESC LIMIT 1;
        last_seq := v_last.seq; last_at := v_last.client_timestamp; last_mono := v_last.mono;
        SELECT array_agg(newest.seq ORDER BY newest.seq), array_agg(newest.code ORDER BY newest.seq)
        INTO rejected_seqs, rejected_codes
        FROM (
            SELECT seq, event_type, data_payload ->> 'code' AS code FROM monitoring_events
            WHERE stream_id = v_stream AND seq > p_acked ORDER BY seq DESC LIMIT p_most
        ) AS newest
        WHERE newest.event_type = 'rejected';
    END IF;
    SELECT EXISTS (SELECT FROM instructions WHERE attempt_id = p_attempt AND state = 'sent') INTO has_instructions;
    exam_id := v_attempt.exam_id; ix := v_attempt.ix; status := v_attempt.status; deadline := v_attempt.deadline;
    closes_at := v_attempt.closes_at; generation := v_attempt.generation; stream_id := v_stream;
    committed := v_committed; opened_at := v_now; user_id := v_user; name := v_name; session_id := v_session;
    only_exam := v_only_exam; is_self_made := v_is_self_made;
END $$
"""


def upgrade() -> None:
    op.create_index(
        "ix_connections_open_attempt",
        "connections",
        ["attempt_id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.execute(_OPEN)
    op.execute("REVOKE ALL ON FUNCTION public.open_connection FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION public.open_connection")
    op.drop_index("ix_connections_open_attempt", table_name="connections")
