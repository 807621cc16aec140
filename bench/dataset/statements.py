"""SQL that fills the dataset, step by step, on the server. All values follow from row numbers and a seed.

`plan_exams` and `plan_attempts` are temporary tables with what all other rows are made of. Every time is in whole
milliseconds, because PostgreSQL's clock is read in them.
"""

from typing import Final

# `r` is a number from 0 up to 1, `v7` a UUIDv7 of this moment.
PREPARE: Final = """
SET session_replication_role = replica;
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';
CREATE FUNCTION pg_temp.r(n bigint, salt bigint) RETURNS double precision LANGUAGE sql IMMUTABLE AS
$$ SELECT (hashint8extended(n, salt + {seed} * 1000) & 2147483647) / 2147483648.0::double precision $$;
CREATE FUNCTION pg_temp.v7(at timestamptz, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(m, 1, 3) || '8'
           || substr(m, 4, 15))::uuid FROM (SELECT md5(n::text || '/{seed}') AS m) AS drawn $$;
CREATE FUNCTION pg_temp.ms(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT date_trunc('milliseconds', at) $$;
"""

_USERS: Final = """
CREATE TEMP TABLE plan_users AS
SELECT n, pg_temp.v7(timestamptz '2026-01-01' + n * interval '1 second', n) AS id,
       CASE WHEN n < {students} THEN 's' || lpad(n::text, 5, '0')
            WHEN n < {students} + {teachers} THEN 't' || n - {students}
            ELSE 'a' || n - {students} - {teachers} END AS username,
       CASE WHEN n < {students} THEN 'student' WHEN n < {students} + {teachers} THEN 'teacher' ELSE 'admin' END AS role
FROM generate_series(0, {students} + {teachers} + 4) AS n;
CREATE UNIQUE INDEX ON plan_users (n);
INSERT INTO users (id, email, username, full_name, password_hash, role, origin, created_at)
SELECT id, CASE WHEN n % 2 = 0 THEN username || '@school.example' END, username,
       (ARRAY['Amal','Bruno','Chidi','Dalia','Emre','Farah','Goran','Hana','Ines','Jonas'])[1 + n % 10] || ' '
       || (ARRAY['Adeyemi','Berg','Costa','Dimitrov','Endo','Fischer','Lang','Haddad','Novak','Okafor','Park'])
          [1 + n / 10 % 11] || ' number ' || n,
       '{password_hash}', role, 'staff', timestamptz '2026-01-01'
FROM plan_users;
INSERT INTO student_profiles (user_id, enrollment_id, cohort)
SELECT id, 'E' || n, 'C' || n % 200 FROM plan_users WHERE role = 'student';
INSERT INTO teacher_profiles (user_id) SELECT id FROM plan_users WHERE role = 'teacher'
"""

# The last of the largest exams and the last of the third class run now. The first teacher owns all of the largest.
_EXAMS: Final = """
CREATE TEMP TABLE plan_exams AS
SELECT k, seats, class, has_run, begun, pg_temp.v7(begun - interval '7 days', k) AS id,
       pg_temp.v7(begun - interval '7 days', k + 1000000) AS policy_id,
       (SELECT id FROM plan_users WHERE plan_users.n = {students}
        + CASE WHEN class = 1 THEN 0 ELSE 1 + k % ({teachers} - 1) END) AS creator_id
FROM (
    SELECT k, seats, class, NOT is_last OR class IN (2, 4) AS has_run,
           pg_temp.ms(CASE WHEN NOT is_last OR class IN (2, 4)
               THEN date_trunc('day', now()) - (1 + k * 37 % 89) * interval '1 day' + (7 + k % 10) * interval '1 hour'
               ELSE now() - interval '50 minutes' END) AS begun
    FROM (
        SELECT row_number() OVER (ORDER BY class, i) AS k, seats, class, i = exams AS is_last
        FROM unnest(ARRAY{counts}, ARRAY{seats}) WITH ORDINALITY AS size (exams, seats, class),
             generate_series(1, exams) AS i
    ) AS numbered
) AS timed;
CREATE UNIQUE INDEX ON plan_exams (k);
INSERT INTO exams (id, creator_id, title, subject, topic, duration_minutes, max_score, passing_score, opens_at,
                   closes_at, is_published, items_version, results_released_at, created_at, kind)
SELECT id, creator_id, 'Exam ' || k, (ARRAY['Algebra','Biology','Chemistry','History','Law'])[1 + k % 5], 'Topic ' || k,
       60, 50, 25, begun, CASE WHEN has_run THEN begun + interval '2 hours' ELSE begun + interval '400 days' END,
       true, 1,
       CASE WHEN has_run AND k % 10 < 7 THEN begun + interval '12 hours' END, begun - interval '7 days',
       CASE WHEN k % 50 = 37 THEN 'practice' ELSE 'real' END
FROM plan_exams;
INSERT INTO exam_policies (id, exam_id, version, settings, created_at)
SELECT policy_id, id, 1, '{policy}', begun - interval '7 days' FROM plan_exams;
INSERT INTO exam_items (exam_id, version, item, position, kind, prompt, choices, answer_key, points)
SELECT id, 1, 'q' || i, i, 'number', 'What is the answer to question ' || i || '?', '[]', '42', 10
FROM plan_exams, generate_series(1, 5) AS i;
INSERT INTO teacher_exam_permissions (exam_id, teacher_id, can_view, can_review, can_view_analytics, granted_at)
SELECT plan_exams.id, plan_users.id, true, k % 2 = 0, true, begun - interval '6 days'
FROM plan_exams JOIN plan_users ON plan_users.n = {students} + (1 + (k + 7) % ({teachers} - 1))
WHERE class > 1 AND k % 3 = 0
"""

# A fifth of the students has most of the attempts. Numbers follow time, so that rows are stored in its order.
_ATTEMPTS: Final = """
CREATE TEMP TABLE plan_attempts AS
SELECT row_number() OVER (ORDER BY started, k, s) AS n, k, s, student, started,
       CASE WHEN has_run THEN pg_temp.ms(started + (1200 + 2200 * pg_temp.r(k * 100000 + s, 3)) * interval '1 second')
       END AS completed, pg_temp.r(k * 100000 + s, 4) AS luck
FROM (
    SELECT k, s, has_run, pg_temp.ms(begun + 600 * pg_temp.r(k * 100000 + s, 2) * interval '1 second') AS started,
           CASE WHEN s <= least(seats * 6 / 10, {students} / 5)
                THEN ((pg_temp.r(k, 5) * {students})::bigint + s) % ({students} / 5)
                ELSE {students} / 5 + ((pg_temp.r(k, 6) * {students})::bigint + s) % ({students} - {students} / 5)
           END AS student
    FROM plan_exams, generate_series(1, seats) AS s
) AS seated ORDER BY started, k, s;
CREATE TEMP TABLE plan AS
SELECT seat.n, k, s, started, completed, luck, pg_temp.v7(started, seat.n) AS id, plan_exams.id AS exam_id,
       plan_exams.policy_id, plan_users.id AS student_id, pg_temp.v7(started, seat.n * 2) AS stream,
       pg_temp.v7(started, seat.n * 2 + 1) AS system,
       CASE WHEN seat.n = {longest_at} THEN {longest} WHEN luck < 0.005 THEN 200 WHEN luck < 0.05 THEN 60
            ELSE 3 + (pg_temp.r(seat.n, 7) * 8)::int END AS events,
       coalesce(completed, started) - started AS length,
       -- A tenth was connected for three quarters of the time.
       CASE WHEN pg_temp.r(seat.n, 8) < 0.1 AND completed IS NOT NULL
            THEN pg_temp.ms(started + (completed - started) * 0.75) ELSE completed END AS seen_until,
       CASE WHEN pg_temp.r(seat.n, 9) < 0.08 THEN 1 + (pg_temp.r(seat.n, 10) * pg_temp.r(seat.n,
       11) * 12)::int ELSE 0 END AS flags,
       CASE WHEN pg_temp.r(seat.n, 12) < 0.93 THEN 'safe' WHEN pg_temp.r(seat.n, 13) < 0.4 THEN 'copy'
            WHEN pg_temp.r(seat.n, 13) < 0.7 THEN 'incapable' ELSE 'no_interest' END AS label,
       round((100 * (1 - pg_temp.r(seat.n, 14) * pg_temp.r(seat.n, 15)))::numeric)::float8 AS percentage
FROM plan_attempts AS seat JOIN plan_exams USING (k) JOIN plan_users ON plan_users.n = student ORDER BY seat.n;
DROP TABLE plan_attempts;
CREATE UNIQUE INDEX ON plan (n);
ANALYZE plan;
INSERT INTO exam_enrollments (exam_id, student_id, name, cohort, created_at)
SELECT exam_id, student_id, CASE WHEN n % 3 = 0 THEN 'Student ' || n END, 'C' || n % 200, started - interval '5 days'
FROM plan ORDER BY exam_id
"""

# Rulebook 0 is not supported by any version: nothing folds these attempts again.
_ATTEMPTS_OF_SLICE: Final = """
INSERT INTO exam_attempts (id, exam_id, student_id, ix, status, policy_id, rulebook_version, items_version, generation,
    integrity_score, coverage, lmi, dropout_label, flagged, score, max_score, percentage, passed, started_at, deadline,
    completed_at, duration_seconds, submission_data, grade_final_at)
SELECT id, exam_id, student_id, s,
       CASE WHEN completed IS NULL THEN 'in_progress' WHEN luck < 0.9 THEN 'submitted' WHEN luck < 0.96 THEN 'timed_out'
            WHEN luck < 0.98 THEN 'ended' ELSE 'abandoned' END,
       policy_id, CASE WHEN completed IS NULL THEN 2 ELSE 0 END, 1, 1,
       CASE WHEN completed IS NOT NULL THEN round((1 - flags * 0.07)::numeric, 2) END,
       (extract(epoch FROM seen_until - started) * 1000)::bigint::float8
           / (extract(epoch FROM length) * 1000)::bigint::float8,
       CASE WHEN completed IS NOT NULL THEN round((percentage * 0.9)::numeric, 1) END,
       CASE WHEN completed IS NOT NULL THEN label END, completed IS NOT NULL AND label = 'copy',
       CASE WHEN completed IS NOT NULL THEN percentage / 2 END, 50, CASE WHEN completed IS NOT NULL THEN percentage END,
       CASE WHEN completed IS NOT NULL THEN percentage >= 50 END, started,
       CASE WHEN completed IS NULL THEN started + interval '400 days' ELSE started + interval '60 minutes' END,
       completed, extract(epoch FROM length)::int,
       CASE WHEN completed IS NOT NULL THEN jsonb_build_object('responses', jsonb_build_object(
           'q1', n % 100, 'q2', n % 90, 'q3', n % 80, 'q4', n % 70, 'q5', n % 60)) END,
       CASE WHEN n % 10 > 0 THEN completed + interval '3 hours' END
FROM plan WHERE n BETWEEN {low} AND {high} ORDER BY n;
INSERT INTO event_streams (id, attempt_id, kind, boot, time_base, opened_at)
SELECT stream, id, 'client', gen_random_uuid(), (extract(epoch FROM started) * 1000)::bigint, started
FROM plan WHERE n BETWEEN {low} AND {high} ORDER BY n;
INSERT INTO event_streams (id, attempt_id, kind, boot, time_base, opened_at)
SELECT system, id, 'system', NULL, (extract(epoch FROM started) * 1000)::bigint, started
FROM plan WHERE n BETWEEN {low} AND {high} ORDER BY n;
INSERT INTO connections (attempt_id, generation, stream_id, hub, opened_at, closed_at, cause)
SELECT id, 1, stream, '00000000-0000-7000-8000-000000000001', started,
       coalesce(seen_until, started + interval '5 minutes'), 'closed'
FROM plan WHERE n BETWEEN {low} AND {high} ORDER BY n;
INSERT INTO analysis_cursors (attempt_id, positions, fold_order, "facts")
SELECT id, jsonb_build_object(stream::text, events, system::text, 1),
       jsonb_build_array(jsonb_build_array(stream::text, 1, events), jsonb_build_array(system::text, 1, 1)), events + 1
FROM plan WHERE n BETWEEN {low} AND {high} ORDER BY n;
INSERT INTO behavior_analysis (attempt_id, state, revision, "facts", total_monitoring_events, anomaly_count,
    critical_events, integrity_score, coverage, lmi_score, improvement_trend, dropout_label, dropout_confidence,
    requires_instructor_attention, analysed_at)
SELECT plan.id, 'done', 1, events + 1, events + 1, flags, flags / 2, integrity_score, coverage, lmi, 'steady', label,
       0.8, label = 'copy', completed + interval '10 seconds'
FROM plan JOIN exam_attempts USING (id)
WHERE n BETWEEN {low} AND {high} AND completed IS NOT NULL ORDER BY n;
INSERT INTO attempt_grades (attempt_id, item, points, graded_at)
SELECT id, 'q' || i, CASE WHEN pg_temp.r(n, 20 + i) * 100 < percentage THEN 10 ELSE 0 END, completed
FROM plan, generate_series(1, 5) AS i WHERE n BETWEEN {low} AND {high} AND completed IS NOT NULL ORDER BY n
"""

# The second and the third event are answers. What runs has events that no rule hears.
_EVENTS: Final = """
INSERT INTO monitoring_events (stream_id, seq, mono, client_timestamp, server_timestamp, event_type, severity,
                               data_payload)
SELECT stream, seq, seq * 700, started + seq * interval '700 milliseconds', started + seq * interval '702 milliseconds',
       CASE WHEN seq IN (2, 3) THEN 'answered' WHEN completed IS NULL OR chance < 0.6 THEN 'question_viewed'
            WHEN chance < 0.62 THEN 'paste' WHEN chance < 0.7 THEN 'focus_lost' ELSE 'keystrokes' END,
       CASE WHEN chance < 0.01 THEN 'critical' WHEN chance < 0.04 THEN 'warning' END,
       CASE WHEN seq IN (2, 3) THEN jsonb_build_object('item', 'q' || seq - 1, 'value', n % 100)
            ELSE jsonb_build_object('item', 'q' || seq % 5 + 1, 'length', n % 400, 'note', md5(seq::text)) END
FROM (
    SELECT plan.*, seq, pg_temp.r(n * 30011 + seq, 30) AS chance FROM plan, generate_series(1, events) AS seq
    WHERE n BETWEEN {low} AND {high}
) AS drawn ORDER BY n, seq;
INSERT INTO monitoring_events (stream_id, seq, mono, client_timestamp, server_timestamp, event_type, data_payload)
SELECT system, 1, 0, started, started, 'attempt_opened', '{{}}' FROM plan WHERE n BETWEEN {low} AND {high} ORDER BY n;
INSERT INTO attempt_answers (stream_id, seq, attempt_id, item, value, occurred_at, stored_at)
SELECT stream, seq, id, 'q' || seq - 1, to_jsonb(n % 100), started + seq * interval '700 milliseconds',
       started + seq * interval '702 milliseconds'
FROM plan, generate_series(2, 3) AS seq WHERE n BETWEEN {low} AND {high} ORDER BY n, seq
"""

# Flags of running attempts come from a service, so that they count for no score.
_FLAGS: Final = """
INSERT INTO flags (id, attempt_id, source, rule, rule_version, policy_version, episode_key, severity, confidence,
                   summary, evidence, last_fact_at, status, raised_at, exam_id)
SELECT pg_temp.v7(raised, n * 100 + i), id, CASE WHEN completed IS NULL THEN 'service' ELSE 'rule' END,
       (ARRAY['left_page','gaze_away','left_fullscreen','two_places','left_then_pasted','devtools'])
           [1 + (pg_temp.r(n * 100 + i, 40) * 5.99)::int % 6], 1, 1, i::text,
       CASE WHEN pg_temp.r(n * 100 + i, 41) < 0.3 THEN 'critical' WHEN pg_temp.r(n * 100 + i, 41) < 0.8 THEN 'warning'
            ELSE 'normal' END,
       0.7, 'The student left the page for ' || 5 + i || ' seconds while question ' || i || ' was open.',
       jsonb_build_object('numbers', jsonb_build_object('seconds', 5 + i), 'cited',
           jsonb_build_array(jsonb_build_array(stream::text, 1), jsonb_build_array(stream::text, 3)), 'events',
           (SELECT jsonb_agg(jsonb_build_object('stream_id', stream, 'seq', seq, 'type', 'question_viewed', 'at',
                (extract(epoch FROM started) * 1000)::bigint + seq, 'server_at',
                (extract(epoch FROM started) * 1000)::bigint + seq, 'data',
                jsonb_build_object('note', repeat(md5(seq::text), 4)))) FROM generate_series(1, 3) AS seq)),
       raised, CASE WHEN pg_temp.r(n * 100 + i, 42) < 0.2 OR completed IS NULL THEN 'open'
                    WHEN pg_temp.r(n * 100 + i, 42) < 0.24 THEN 'escalated'
                    WHEN pg_temp.r(n * 100 + i, 42) < 0.6 THEN 'confirmed' ELSE 'dismissed' END, raised, exam_id
FROM (
    SELECT plan.*, i, pg_temp.ms(started + i * interval '40 seconds') AS raised FROM plan, generate_series(1,
       flags) AS i
) AS drawn ORDER BY n;
INSERT INTO flag_reviews (id, flag_id, reviewer_id, command_id, from_status, to_status, reason, reviewed_at)
SELECT pg_temp.v7(raised_at + interval '1 day', row_number() OVER ()), flags.id, creator_id, gen_random_uuid(), 'open',
       flags.status, 'Looked at the evidence.', raised_at + interval '1 day'
FROM flags JOIN exams ON exams.id = exam_id
WHERE flags.status <> 'open';
INSERT INTO instructions (attempt_id, n, action, body, actor_id, command_id, state, issued_at, answered_at)
SELECT id, i, 'message', jsonb_build_object('text', 'Please read the rules.'),
       (SELECT plan_users.id FROM plan_users WHERE plan_users.n = {students}), gen_random_uuid(), 'done',
       started, started + interval '1 second'
FROM plan, generate_series(1, 1) AS i WHERE completed IS NULL OR plan.n % 200 = 0
"""

_FEEDS: Final = """
INSERT INTO exam_feed (exam_id, "offset", kind, body, appended_at)
SELECT exam_id, row_number() OVER (PARTITION BY exam_id ORDER BY s), 'score',
       jsonb_build_object('attempt_id', id, 'integrity', 1, 'coverage', 1), coalesce(completed, started)
FROM plan WHERE s <= 30;
INSERT INTO feed_heads (exam_id, head) SELECT exam_id, max("offset") FROM exam_feed GROUP BY exam_id
"""

_STUDENTS: Final = """
INSERT INTO performance_metrics (student_id, total_exams, passed_exams, avg_score, avg_integrity_score, integrity_trend,
    avg_lmi, lmi_trend, current_risk_label, flagged_for_intervention, last_attempt_date)
SELECT student_id, count(*), count(*) FILTER (WHERE passed), avg(percentage), avg(integrity_score), 'steady', avg(lmi),
       'steady', mode() WITHIN GROUP (ORDER BY dropout_label), count(*) FILTER (WHERE dropout_label = 'copy') > 3,
       max(completed_at)
FROM exam_attempts WHERE completed_at IS NOT NULL GROUP BY student_id;
UPDATE student_profiles SET cumulative_integrity_score = avg_integrity_score, cumulative_lmi = avg_lmi,
       total_exams_attempted = total_exams, total_exams_passed = passed_exams,
       current_dropout_risk = current_risk_label,
       flagged_for_review = flagged_for_intervention
FROM performance_metrics WHERE student_id = user_id
"""

FINISH: Final = (
    ("counts", "SELECT rebuild_exam_counts()"),
    ("summaries", "SELECT refresh_summary_views()"),
    ("statistics", "VACUUM (FREEZE, ANALYZE)"),
)
"""Steps in transactions of their own, the last ones."""

ONCE: Final = (("users", _USERS), ("exams", _EXAMS), ("seats", _ATTEMPTS))
"""Steps before the attempts."""

SLICED: Final = (("attempts", _ATTEMPTS_OF_SLICE), ("events", _EVENTS))
"""Steps that are repeated for each range of attempts."""

AFTER: Final = (("flags", _FLAGS), ("feeds", _FEEDS), ("students", _STUDENTS))
"""Steps after the attempts."""
