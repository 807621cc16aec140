from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.models import Flag
from db.queries.console import board
from db.queries.evaluation import flags
from db.queries.evaluation.flags import NewFlag
from protocol.flags import EVIDENCE_MAX, CountedFlag, Evidence, FlagSource, FlagStatus, Severity
from protocol.roles import Role
from tests.factories import TIME_BASE_MS, make_attempt, make_exam, make_stream, make_user, store_events


@pytest.fixture
async def attempt(conn: AsyncConnection) -> UUID:
    exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
    return await make_attempt(conn, exam_id, await make_user(conn))


def new_flag(attempt: UUID, *, key: str = "left:1", **changes: Any) -> NewFlag:
    flag = NewFlag(
        attempt_id=attempt,
        rule="left_page",
        rule_version=1,
        policy_version=1,
        episode_key=key,
        severity=Severity.WARNING,
        confidence=0.8,
        summary="Left the page 3 times in 5 minutes.",
        numbers={"times": 3.0},
        cited=(),
    )
    return msgspec.structs.replace(flag, **changes)


async def read_evidence(conn: AsyncConnection) -> Evidence:
    return msgspec.convert((await conn.execute(select(Flag.evidence))).scalar_one(), Evidence)


async def test_a_raised_flag_is_the_row_a_board_shows(conn: AsyncConnection, attempt: UUID) -> None:
    [row] = await flags.raise_flags(conn, [new_flag(attempt)])
    assert row == await board.read_flag_row(conn, row.flag_id)
    assert (row.source, row.status, row.last_fact_at) == (FlagSource.RULE, FlagStatus.OPEN, None)


async def test_an_episode_is_raised_once(conn: AsyncConnection, attempt: UUID) -> None:
    assert len(await flags.raise_flags(conn, [new_flag(attempt), new_flag(attempt)])) == 1
    [other] = await flags.raise_flags(conn, [new_flag(attempt), new_flag(attempt, key="left:2")])
    assert await flags.raise_flags(conn, [new_flag(attempt), new_flag(attempt, key="left:2")]) == []
    assert other.attempt_id == attempt


async def test_without_findings_no_flag_is_raised(conn: AsyncConnection) -> None:
    assert await flags.raise_flags(conn, []) == []


async def test_a_flag_carries_copies_of_what_it_cites(conn: AsyncConnection, attempt: UUID) -> None:
    stream = await make_stream(conn, attempt)
    await store_events(conn, stream, [("window_blur", {}, 1_000), ("paste", {"chars": 130}, 2_000)])
    [row] = await flags.raise_flags(conn, [new_flag(attempt, cited=((stream, 1), (stream, 2)))])
    evidence = await read_evidence(conn)
    assert evidence.numbers == {"times": 3.0}
    assert evidence.cited == [(stream, 1), (stream, 2)]
    assert [(event.seq, event.type, event.data) for event in evidence.events] == [
        (1, "window_blur", {}),
        (2, "paste", {"chars": 130}),
    ]
    assert evidence.events[1].at == TIME_BASE_MS + 2_000
    assert row.last_fact_at == evidence.events[1].server_at


async def test_all_events_are_cited_and_the_first_are_copied(conn: AsyncConnection, attempt: UUID) -> None:
    stream = await make_stream(conn, attempt)
    await store_events(conn, stream, [("eye_movement", {"n": n}, n) for n in range(40)])
    read_rows = tuple((stream, seq) for seq in range(1, 41))
    [row] = await flags.raise_flags(conn, [new_flag(attempt, cited=read_rows)])
    evidence = await read_evidence(conn)
    assert evidence.cited == list(read_rows)
    assert [event.seq for event in evidence.events] == list(range(1, EVIDENCE_MAX + 1))
    assert row.last_fact_at is not None


async def test_thousands_of_flags_fit_into_one_transaction(conn: AsyncConnection, attempt: UUID) -> None:
    assert len(await flags.raise_flags(conn, [new_flag(attempt, key=f"left:{n}") for n in range(4_000)])) == 4_000


@pytest.mark.parametrize(
    ("source", "status", "counts"),
    [
        (FlagSource.RULE, FlagStatus.OPEN, True),
        (FlagSource.RULE, FlagStatus.CONFIRMED, True),
        (FlagSource.RULE, FlagStatus.ESCALATED, True),
        (FlagSource.RULE, FlagStatus.DISMISSED, False),
        (FlagSource.RULE, FlagStatus.WITHDRAWN, False),
        (FlagSource.TEACHER, FlagStatus.OPEN, False),
        (FlagSource.TEACHER, FlagStatus.CONFIRMED, True),
        (FlagSource.LLM, FlagStatus.CONFIRMED, False),
        (FlagSource.SERVICE, FlagStatus.CONFIRMED, False),
    ],
)
async def test_which_flags_count(
    conn: AsyncConnection, attempt: UUID, source: FlagSource, status: FlagStatus, counts: bool
) -> None:
    await flags.raise_flags(conn, [new_flag(attempt)])
    await conn.execute(update(Flag).values(source=source, status=status))
    expected = [CountedFlag("left_page", 0.8)] if counts else []
    assert await flags.read_counted_flags(conn, [attempt]) == {attempt: expected}


async def test_flags_of_another_attempt_do_not_count(conn: AsyncConnection, attempt: UUID) -> None:
    await flags.raise_flags(conn, [new_flag(attempt)])
    stranger = uuid7()
    assert await flags.read_counted_flags(conn, [stranger]) == {stranger: []}
