"""Batches of starts and hand-ins: requests that wait hold no connection, and the feed has no holes."""

import asyncio

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import FeedHead, FeedRow, User
from hub.auth.passwords import Passwords
from hub.settings import HubSettings
from tests import factories
from tests.hub.conftest import PASSWORD, Users
from tests.locks import until_blocked
from tests.seeded_attempts import seed_attempt


async def test_hand_ins_that_wait_for_a_row_leave_connections_to_others(
    users: Users, engine: AsyncEngine, passwords: Passwords, settings: HubSettings
) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
        password = await passwords.hash(PASSWORD)
        attempts = [seeded.attempt_id]
        students = [seeded.student_id, *[await factories.make_user(conn) for _ in range(settings.pool_size + 3)]]
        attempts += [await factories.make_attempt(conn, seeded.exam_id, student) for student in students[1:]]
        for number, student in enumerate(students):
            await conn.execute(
                update(User).where(User.id == student).values(username=f"s{number}", password_hash=password)
            )
    callers = [await users.sign_in(f"s{number}") for number in range(len(students))]
    async with engine.begin() as conn:
        await conn.execute(select(FeedHead.head).where(FeedHead.exam_id == seeded.exam_id).with_for_update())
        handing_in = [
            asyncio.create_task(caller.post(f"/student/exams/{attempt_id}/submit"))
            for caller, attempt_id in zip(callers, attempts, strict=True)
        ]
        # The first batch holds a connection and waits for the row; all others wait without one.
        await until_blocked(engine)
        assert (await callers[0].get("/student/exams")).status_code == 200
    assert {(await one).status_code for one in handing_in} == {200}
    async with engine.connect() as conn:
        offsets = await conn.execute(select(FeedRow.offset).where(FeedRow.exam_id == seeded.exam_id))
        head = await conn.execute(select(FeedHead.head).where(FeedHead.exam_id == seeded.exam_id))
        assert sorted(offsets.scalars()) == list(range(1, head.scalar_one() + 1))
