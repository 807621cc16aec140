from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import BehaviorAnalysis, Flag, MonitoringEvent
from db.queries.events import system_events
from db.queries.events.system_events import ServerEvent
from db.queries.review.flags import CitedEvents
from hub.rest.teacher.timeline import group_citations
from protocol.flags import FlagSource, FlagStatus, Severity
from protocol.roles import Permission, Role
from tests.factories import TIME_BASE_MS
from tests.hub.rest.teacher.conftest import Classroom, user_id_of


async def read_all(classroom: Classroom, attempt_id: UUID, **params: object) -> list[tuple[str, int]]:
    """Read every event of a timeline page by page; check that none comes twice."""
    seen: list[tuple[str, int]] = []
    after: dict[str, object] = {}
    while True:
        answer = await classroom.teacher.get(f"/teacher/attempts/{attempt_id}/monitoring", **params, **after)
        assert answer.is_success, answer.text
        page = answer.json()
        seen += [(event["stream_id"], event["seq"]) for event in page["events_timeline"]]
        if page["next"] is None:
            assert len(seen) == len(set(seen))
            return seen
        after = {"after": page["next"]}


async def test_a_timeline_shows_events_citations_and_the_analysis(classroom: Classroom) -> None:
    attempt_id = await classroom.start_attempt()
    stream_id = await classroom.record(attempt_id)
    flag_id = await classroom.flag(attempt_id, (stream_id, 1), (stream_id, 3))
    page = (await classroom.teacher.get(f"/teacher/attempts/{attempt_id}/monitoring")).json()
    assert page["attempt"]["attempt_id"] == str(attempt_id)
    assert page["attempt"]["open_flags"] == 1
    assert (page["total_events"], page["anomaly_events"], page["critical_events"]) == (6, 2, 0)
    assert page["next"] is None
    assert page["behavior_analysis"] is None
    system, *events = page["events_timeline"]
    assert (system["kind"], system["event_type"]) == ("system", "attempt_started")
    assert events[0] == {
        "stream_id": str(stream_id),
        "seq": 1,
        "event_type": "window_blur",
        "kind": "client",
        "at": TIME_BASE_MS + 1_000,
        "server_at": events[0]["server_at"],
        "rule_ms": TIME_BASE_MS + 1_000,
        "severity": None,
        "data": {},
        "is_anomaly": True,
        "flags": [str(flag_id)],
    }
    assert [event["is_anomaly"] for event in events] == [True, False, True, False, False]
    (flag,) = page["flags"]
    assert flag["rule_name"] == "left the page"
    assert flag["false_alarms"].startswith("A notification")
    assert flag["numbers"] == {"away_s": 21.0}
    assert flag["evidence"]["cited"] == [[str(stream_id), 1], [str(stream_id), 3]]
    assert [event["type"] for event in flag["evidence"]["events"]] == ["window_blur", "alive"]


async def test_a_timeline_has_every_event_of_all_streams_page_by_page(
    classroom: Classroom, engine: AsyncEngine
) -> None:
    attempt_id = await classroom.start_attempt()
    for _ in range(3):
        await classroom.record(attempt_id, [("alive", {}, at) for at in range(1_000, 8_000, 1_000)])
        async with engine.begin() as conn:
            await system_events.append_events(conn, attempt_id, [ServerEvent("connection_lost", {"cause": "gone"})])
    whole = await read_all(classroom, attempt_id, limit=200)
    assert len(whole) == 1 + 3 * 8
    for limit in (1, 4, 7):
        assert await read_all(classroom, attempt_id, limit=limit) == whole


async def test_no_page_loses_an_event_when_the_servers_clock_steps_back(
    classroom: Classroom, engine: AsyncEngine
) -> None:
    attempt_id = await classroom.start_attempt()
    stream_id = await classroom.record(attempt_id, [("alive", {}, at) for at in range(1_000, 8_000, 1_000)])
    async with engine.begin() as conn:
        for seq, hours in ((3, 2), (4, -3), (6, 1)):
            await conn.execute(
                update(MonitoringEvent)
                .where(MonitoringEvent.stream_id == stream_id, MonitoringEvent.seq == seq)
                .values(server_timestamp=MonitoringEvent.server_timestamp + timedelta(hours=hours))
            )
    seen = await read_all(classroom, attempt_id, limit=2)
    assert sorted(seq for stream, seq in seen if stream == str(stream_id)) == list(range(1, 8))


async def test_a_timeline_is_filtered_by_type_by_claimed_severity_and_by_what_flags_cite(
    classroom: Classroom, engine: AsyncEngine
) -> None:
    attempt_id = await classroom.start_attempt()
    stream_id = await classroom.record(attempt_id)
    async with engine.begin() as conn:
        await conn.execute(
            update(MonitoringEvent)
            .where(MonitoringEvent.stream_id == stream_id, MonitoringEvent.seq == 5)
            .values(severity="awful")
        )
    await classroom.flag(attempt_id, (stream_id, 1), (stream_id, 4))
    of = str(stream_id)
    assert await read_all(classroom, attempt_id, type="alive", limit=1) == [(of, 2), (of, 3)]
    assert await read_all(classroom, attempt_id, severity="awful") == [(of, 5)]
    assert await read_all(classroom, attempt_id, anomalies=True, limit=1) == [(of, 1), (of, 4)]
    assert await read_all(classroom, attempt_id, anomalies=True, type="alive") == []
    assert await read_all(classroom, attempt_id, type="no_such_type") == []


async def test_a_dismissed_flag_makes_no_anomaly_and_a_critical_one_a_critical_event(
    classroom: Classroom, engine: AsyncEngine
) -> None:
    attempt_id = await classroom.start_attempt()
    stream_id = await classroom.record(attempt_id)
    dismissed = await classroom.flag(attempt_id, (stream_id, 1), (stream_id, 2))
    await classroom.flag(attempt_id, (stream_id, 2), (stream_id, 5), severity=Severity.CRITICAL)
    async with engine.begin() as conn:
        await conn.execute(update(Flag).where(Flag.id == dismissed).values(status=FlagStatus.DISMISSED))
    page = (await classroom.teacher.get(f"/teacher/attempts/{attempt_id}/monitoring")).json()
    assert (page["anomaly_events"], page["critical_events"]) == (2, 2)
    assert {event["seq"]: event["is_anomaly"] for event in page["events_timeline"] if event["kind"] == "client"} == {
        1: False,
        2: True,
        3: False,
        4: False,
        5: True,
    }
    first = next(event for event in page["events_timeline"] if event["kind"] == "client")
    assert first["flags"] == [str(dismissed)]


async def test_gap_markers_have_no_client_time(classroom: Classroom, engine: AsyncEngine) -> None:
    attempt_id = await classroom.start_attempt()
    stream_id = await classroom.record(attempt_id, [("alive", {}, 1_000), ("rejected", {"code": "bad_type"}, 0)])
    page = (await classroom.teacher.get(f"/teacher/attempts/{attempt_id}/monitoring", type="rejected")).json()
    (event,) = page["events_timeline"]
    assert (event["stream_id"], event["at"], event["rule_ms"]) == (str(stream_id), None, None)


async def test_an_analysis_is_shown_as_stored(classroom: Classroom, engine: AsyncEngine) -> None:
    attempt_id = await classroom.start_attempt()
    async with engine.begin() as conn:
        await conn.execute(insert(BehaviorAnalysis).values(attempt_id=attempt_id, state="stale", lmi_score=41.5))
    page = (await classroom.teacher.get(f"/teacher/attempts/{attempt_id}/monitoring")).json()
    assert (page["behavior_analysis"]["state"], page["behavior_analysis"]["lmi_score"]) == ("stale", 41.5)
    assert page["behavior_analysis"]["analysed_at"] is None


async def test_a_timeline_needs_a_permission_and_is_audited(
    classroom: Classroom,
) -> None:
    attempt_id = await classroom.start_attempt()
    path = f"/teacher/attempts/{attempt_id}/monitoring"
    await classroom.check_permissions(path, without=[Permission.VIEW])
    assert await classroom.audit_rows("read_monitoring") == []
    viewer = await classroom.teacher_with(Permission.VIEW)
    admin = await classroom.users.make(Role.ADMIN, "root")
    for caller in (viewer, admin):
        assert (await caller.get(path)).is_success
    assert await classroom.audit_rows("read_monitoring") == [
        (user_id_of(viewer), str(attempt_id)),
        (user_id_of(admin), str(attempt_id)),
    ]
    assert (await classroom.teacher.get(f"/teacher/attempts/{uuid4()}/monitoring")).status_code == 404


@pytest.mark.parametrize(
    ("name", "value"), [("after", "x"), ("limit", 0), ("type", "x\0"), ("severity", "x" * 17), ("anomalies", "perhaps")]
)
async def test_an_invalid_timeline_request_is_rejected_by_its_path(
    classroom: Classroom, name: str, value: object
) -> None:
    attempt_id = await classroom.start_attempt()
    answer = await classroom.teacher.get(f"/teacher/attempts/{attempt_id}/monitoring", **{name: value})
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [f"query.{name}"]


def test_an_event_that_many_flags_cite_counts_once() -> None:
    place, flags = (uuid4(), 1), [uuid4(), uuid4()]
    citing = group_citations(
        [CitedEvents(flag, FlagSource.RULE, FlagStatus.OPEN, Severity.WARNING, [place, place]) for flag in flags]
    )
    assert citing.flags == {place: flags}
    assert citing.anomalies == {place}
    assert citing.critical == set()


def test_notes_and_unconfirmed_reported_flags_make_no_anomaly() -> None:
    events = [(uuid4(), number) for number in range(4)]
    citing = group_citations(
        [
            CitedEvents(uuid4(), FlagSource.RULE, FlagStatus.OPEN, Severity.NORMAL, events[:1]),
            CitedEvents(uuid4(), FlagSource.SERVICE, FlagStatus.OPEN, Severity.CRITICAL, events[1:2]),
            CitedEvents(uuid4(), FlagSource.RULE, FlagStatus.WITHDRAWN, Severity.CRITICAL, events[2:3]),
            CitedEvents(uuid4(), FlagSource.TEACHER, FlagStatus.CONFIRMED, Severity.CRITICAL, events[3:]),
        ]
    )
    assert citing.anomalies == citing.critical == {events[3]}
    assert citing.flags.keys() == set(events)
