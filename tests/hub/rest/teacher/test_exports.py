import csv
import io
from uuid import uuid4

from sqlalchemy import QueuePool, text
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.rest.http.csv import BOM
from hub.rest.teacher.exports import EVENT_COLUMNS, FLAG_COLUMNS, ROWS_AT_ONCE, write_events
from hub.rest.teacher.timeline import group_citations
from protocol.roles import Permission
from tests.hub.conftest import Caller
from tests.hub.rest.teacher.conftest import Classroom, user_id_of

MANY = 50_000


async def download(caller: Caller, path: str) -> list[dict[str, str]]:
    answer = await caller.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(BOM.encode()), "Excel reads UTF-8 only with it"
    return list(csv.DictReader(io.StringIO(answer.content.decode().removeprefix(BOM), newline="")))


async def test_events_are_exported_in_timeline_order_with_their_flags(classroom: Classroom) -> None:
    attempt_id = await classroom.start_attempt()
    stream_id = await classroom.record(attempt_id)
    flag_id = await classroom.flag(attempt_id, (stream_id, 5))
    rows = await download(classroom.teacher, f"/teacher/attempts/{attempt_id}/events.csv")
    assert tuple(rows[0]) == EVENT_COLUMNS
    assert [row["event_type"] for row in rows] == [
        *("attempt_started", "window_blur", "alive", "alive", "window_focus", "paste")
    ]
    assert (rows[5]["data"], rows[5]["flags"], rows[5]["is_anomaly"]) == ('{"chars":400}', str(flag_id), "yes")
    assert rows[5]["happened_at"] == "2023-11-14T22:13:45.000Z"


async def test_flags_are_exported_with_their_decisions_and_without_formulas(
    classroom: Classroom, engine: AsyncEngine
) -> None:
    attempt_id = await classroom.start_attempt("=HYPERLINK(evil)")
    flag_id = await classroom.flag(attempt_id, summary="@SUM(1+1)")
    body = {"id": str(uuid4()), "decision": "confirmed", "seen": "open", "reason": '+ for sure, "twice"\nand again'}
    assert (await classroom.teacher.post(f"/teacher/flags/{flag_id}/review", body)).is_success
    (row,) = await download(classroom.teacher, f"/teacher/exams/{classroom.exam_id}/flags.csv")
    assert tuple(row) == FLAG_COLUMNS
    assert (row["student"], row["summary"]) == ("'=HYPERLINK(evil)", "'@SUM(1+1)")
    assert row["reason"] == '\'+ for sure, "twice"\nand again'
    assert (row["status"], row["rule_name"], row["reviewed_by"]) == ("confirmed", "left the page", "Teacher")


async def test_every_flag_is_exported_once(classroom: Classroom, engine: AsyncEngine) -> None:
    attempt_id = await classroom.start_attempt()
    flag_id = await classroom.flag(attempt_id)
    copies = 2 * ROWS_AT_ONCE
    async with engine.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO flags SELECT gen_random_uuid(), attempt_id, source, rule, rule_version, policy_version,"
                " n::text, severity, confidence, summary, evidence, last_fact_at, status, raised_at"
                " FROM flags, generate_series(1, :copies) AS n"
            ),
            {"copies": copies - 1},
        )
    rows = await download(classroom.teacher, f"/teacher/exams/{classroom.exam_id}/flags.csv")
    assert len({row["flag_id"] for row in rows}) == len(rows) == copies
    assert str(flag_id) in {row["flag_id"] for row in rows}


async def test_an_export_is_a_download_and_is_audited(classroom: Classroom) -> None:
    attempt_id = await classroom.start_attempt()
    for path, name in (
        (f"/teacher/attempts/{attempt_id}/events.csv", f"events-{attempt_id}.csv"),
        (f"/teacher/exams/{classroom.exam_id}/flags.csv", f"flags-{classroom.exam_id}.csv"),
    ):
        answer = await classroom.teacher.get(path)
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    teacher = user_id_of(classroom.teacher)
    assert await classroom.audit_rows("export_events") == [(teacher, str(attempt_id))]
    assert await classroom.audit_rows("export_flags") == [(teacher, str(classroom.exam_id))]


async def test_exports_need_the_analytics_permission(classroom: Classroom) -> None:
    attempt_id = await classroom.start_attempt()
    for path in (f"/teacher/attempts/{attempt_id}/events.csv", f"/teacher/exams/{classroom.exam_id}/flags.csv"):
        await classroom.check_permissions(path, without=[Permission.VIEW_ANALYTICS])
    assert await classroom.audit_rows("export_events") == []


async def test_an_export_to_a_slow_reader_holds_no_rows_and_no_connection(
    classroom: Classroom, engine: AsyncEngine
) -> None:
    attempt_id = await classroom.start_attempt()
    stream_id = await classroom.record(attempt_id, [("alive", {"padding": "x" * 200}, 1)])
    async with engine.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO monitoring_events SELECT stream_id, n, mono, client_timestamp, server_timestamp,"
                " event_type, severity, data_payload FROM monitoring_events, generate_series(2, :many) AS n"
                " WHERE stream_id = :stream"
            ),
            {"many": MANY, "stream": stream_id},
        )
    lines = size = 0
    async for part in write_events(engine, attempt_id, group_citations([])):
        assert isinstance(engine.pool, QueuePool)
        assert engine.pool.checkedout() == 0
        assert part.count(b"\r\n") <= ROWS_AT_ONCE
        lines, size = lines + part.count(b"\r\n"), size + len(part)
    assert lines == 1 + 1 + MANY
    assert size > 15_000_000
