from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, BehaviorAnalysis, Flag, ServiceKey
from db.queries import feed
from db.queries.evaluation import flags
from hub.rest.service_reports import COMPUTED_FIELDS, COMPUTED_FLAG_FIELDS
from judgement.policy import preset, write_policy
from protocol.flags import FlagStatus
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_stream, make_user, store_events
from tests.hub.conftest import Caller, Users


class ReportSetup:
    """Create an attempt with three events, another with one, and a program with a key."""

    exam: UUID
    attempt: UUID
    stream: UUID
    foreign: UUID
    program: Caller
    admin: Caller
    key_id: str

    def flag(self, *seqs: int, **fields: Any) -> dict[str, Any]:
        cited = [{"stream_id": str(self.stream), "seq": seq} for seq in seqs]
        return {"summary": "It looks pasted", "severity": "critical", "confidence": 0.7, "cited": cited, **fields}

    def report(self, **fields: Any) -> dict[str, Any]:
        return {"id": str(uuid4()), "attempt_id": str(self.attempt), **fields}


@pytest.fixture
async def setup(users: Users, engine: AsyncEngine) -> ReportSetup:
    setup = ReportSetup()
    async with engine.begin() as conn:
        teacher = await make_user(conn, role=Role.TEACHER)
        setup.exam = await make_exam(conn, teacher, policy=write_policy(preset("browser")))
        setup.attempt, other = [await make_attempt(conn, setup.exam, await make_user(conn)) for _ in range(2)]
        setup.stream, setup.foreign = [await make_stream(conn, attempt_id) for attempt_id in (setup.attempt, other)]
        await store_events(conn, setup.stream, [("paste", {"chars": number}, number) for number in range(3)])
        await store_events(conn, setup.foreign, [("paste", {"chars": 1}, 1)])
    setup.admin = await users.make(Role.ADMIN, "root")
    given = (await setup.admin.post("/admin/service-keys", {"name": "checker", "scopes": ["analysis"]})).json()
    setup.key_id = given["key_id"]
    setup.program = Caller(users.anonymous.http)
    setup.program.tokens = {"access_token": given["key"]}
    return setup


async def post(setup: ReportSetup, report: dict[str, Any]) -> Any:
    return await setup.program.post("/analysis/behavior", report)


async def test_reported_flags_need_a_review_and_cite_stored_events(setup: ReportSetup, engine: AsyncEngine) -> None:
    answer = await post(setup, setup.report(flags=[setup.flag(3, 1), setup.flag(2, severity="normal")]))
    assert answer.status_code == 200, answer.text
    taken = answer.json()
    assert taken["note"] is None
    async with engine.connect() as conn:
        rows = {row.id: row for row in await conn.execute(select(Flag))}
        appended = await feed.read_after(conn, setup.exam, 0)
        standing = await flags.read_counted_flags(conn, [setup.attempt])
        audit_row = (await conn.execute(select(AuditLog).where(AuditLog.action == "report_behavior"))).one()
    first = rows[UUID(taken["flags"][0])]
    assert (first.source, first.rule, first.severity, first.status) == (
        "service",
        "service:checker",
        "critical",
        "open",
    )
    assert first.evidence["cited"] == [[str(setup.stream), 3], [str(setup.stream), 1]]
    assert [event["type"] for event in first.evidence["events"]] == ["paste", "paste"]
    assert rows[UUID(taken["flags"][1])].severity == "normal"
    assert [row.kind for row in appended].count("flag") == 2
    assert standing == {setup.attempt: []}
    assert (audit_row.resource, audit_row.resource_id) == ("attempt", str(setup.attempt))
    assert audit_row.ip is not None


async def test_a_text_and_indicators_become_a_note_and_part_of_the_analysis(
    setup: ReportSetup, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        await conn.execute(insert(BehaviorAnalysis).values(attempt_id=setup.attempt, integrity_score=0.9))
    taken = (await post(setup, setup.report(text="Much alike.", indicators=["same phrases", "same gaps"]))).json()
    assert taken["flags"] == []
    async with engine.connect() as conn:
        note = (await conn.execute(select(Flag).where(Flag.id == UUID(taken["note"])))).one()
        analysis = (await conn.execute(select(BehaviorAnalysis))).one()
    assert note.summary == "Much alike. Indicators: same phrases · same gaps"
    assert (note.severity, note.confidence) == ("normal", 0.0)
    assert [indicator["text"] for indicator in analysis.originality_indicators] == ["same phrases", "same gaps"]
    assert {indicator["by"] for indicator in analysis.originality_indicators} == {"service:checker"}
    assert (analysis.integrity_score, analysis.state) == (0.9, "pending")


async def test_a_report_is_stored_once(setup: ReportSetup, engine: AsyncEngine) -> None:
    report = setup.report(text="Much alike.", flags=[setup.flag(1)])
    first = await post(setup, report)
    assert (await post(setup, report)).json() == first.json()
    other = await post(setup, report | {"text": "Another text."})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    async with engine.connect() as conn:
        assert len((await conn.execute(select(Flag.id))).all()) == 2
        assert len((await conn.execute(select(AuditLog.id).where(AuditLog.action == "report_behavior"))).all()) == 1


async def test_citations_of_unknown_or_foreign_events_are_rejected_by_path(
    setup: ReportSetup, engine: AsyncEngine
) -> None:
    foreign = {"stream_id": str(setup.foreign), "seq": 1}
    unknown = {"stream_id": str(uuid4()), "seq": 1}
    report = setup.report(flags=[setup.flag(1), setup.flag(2, 4), setup.flag(cited=[foreign, unknown])])
    answer = await post(setup, report)
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [
        "$.flags[1].cited[1]",
        "$.flags[2].cited[0]",
        "$.flags[2].cited[1]",
    ]
    async with engine.connect() as conn:
        assert (await conn.execute(select(Flag.id))).all() == []
    assert (await post(setup, report | {"flags": [setup.flag(1)]})).status_code == 200


@pytest.mark.parametrize("name", ["integrity_score", "lmi_score", "dropout_label", "score", "flagged"])
async def test_reported_scores_and_labels_are_rejected_by_name(setup: ReportSetup, name: str) -> None:
    assert name in COMPUTED_FIELDS
    for body in ({name: 0.1}, setup.report() | {name: None}):
        answer = await post(setup, body)
        assert answer.status_code == 400
        assert [fault["path"] for fault in answer.json()["errors"]] == [f"$.{name}"]


async def test_a_reported_flag_cannot_set_what_a_reviewer_decides(setup: ReportSetup) -> None:
    for name in COMPUTED_FLAG_FIELDS:
        answer = await post(setup, setup.report(flags=[setup.flag(1), setup.flag(1) | {name: "confirmed"}]))
        assert [fault["path"] for fault in answer.json()["errors"]] == [f"$.flags[1].{name}"]


async def test_an_invalid_report_is_rejected_by_its_path(setup: ReportSetup) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"id": "x"}, "$.id"),
        ({"text": ""}, "$.text"),
        ({"text": "\0"}, "$.text"),
        ({"indicators": [""]}, "$.indicators[0]"),
        ({"flags": [setup.flag()]}, "$.flags[0].cited"),
        ({"flags": [setup.flag(0)]}, "$.flags[0].cited[0].seq"),
        ({"flags": [setup.flag(1, confidence=1.1)]}, "$.flags[0].confidence"),
        ({"flags": [setup.flag(1, severity="fatal")]}, "$.flags[0].severity"),
    ]
    for change, path in cases:
        answer = await post(setup, setup.report() | change)
        assert answer.status_code == 400, change
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    assert (await post(setup, setup.report(attempt_id=str(uuid4())))).status_code == 404


async def test_only_a_valid_key_with_the_scope_is_accepted(
    setup: ReportSetup, users: Users, engine: AsyncEngine
) -> None:
    report = setup.report(text="x")
    teacher = await users.make(Role.TEACHER, "teacher")
    for caller in (users.anonymous, teacher, setup.admin):
        assert (await caller.post("/analysis/behavior", report)).status_code == 401
    assert (await setup.program.get("/exams")).status_code == 401
    assert (await post(setup, report)).status_code == 200
    (used,) = (await setup.admin.get("/admin/service-keys")).json()["items"]
    assert used["last_used_at"] is not None
    await setup.admin.delete(f"/admin/service-keys/{setup.key_id}")
    assert (await post(setup, report)).status_code == 401


async def test_a_key_without_the_scope_is_forbidden(setup: ReportSetup, engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.execute(update(ServiceKey).values(scopes=[]))
    assert (await post(setup, setup.report(text="x"))).status_code == 403


@pytest.mark.parametrize("status", FlagStatus)
async def test_a_reported_flag_changes_no_score_after_any_decision(
    setup: ReportSetup, engine: AsyncEngine, status: FlagStatus
) -> None:
    await post(setup, setup.report(flags=[setup.flag(1)]))
    async with engine.begin() as conn:
        await conn.execute(update(Flag).values(status=status))
        assert (await flags.read_counted_flags(conn, [setup.attempt]))[setup.attempt] == []
