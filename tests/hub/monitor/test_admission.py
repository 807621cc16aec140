import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.models import Connection, ExamAttempt
from hub.app import create_app
from hub.auth.passwords import Passwords
from hub.errors import Busy, Unauthenticated
from hub.monitor.admission import Admission
from hub.settings import HubSettings
from tests.hub.monitor.conftest import SeededAttempt, sit


def wanted() -> bool:
    return True


async def test_an_accepted_hello_opens_a_connection_in_this_hubs_name(
    seeded: SeededAttempt, admission: Admission
) -> None:
    entrance = await admission.enter(await seeded.hello(), wanted)
    assert (entrance.principal.user_id, entrance.principal.session) == (seeded.student_id, seeded.session)
    assert entrance.hub_id == admission.lease.hub_id
    async with seeded.engine.connect() as conn:
        assert (await conn.execute(select(Connection.hub))).scalar_one() == admission.lease.hub_id


async def test_a_token_is_not_enough_where_a_ticket_is_wanted(seeded: SeededAttempt, admission: Admission) -> None:
    hello = await seeded.hello(token=await seeded.token())
    with pytest.raises(Unauthenticated):
        await admission.enter(hello, wanted, by_ticket_only=True)


async def test_nobody_comes_in_before_the_hub_has_its_lease(
    engine: AsyncEngine, settings: HubSettings, passwords: Passwords
) -> None:
    provide = create_app(settings, passwords=passwords).dependencies["candidates"]
    async with sit("", engine, settings) as seeded:
        with pytest.raises(Busy):
            await provide.dependency().enter(await seeded.hello(), wanted)  # type: ignore[union-attr]


async def test_a_new_token_must_be_the_same_persons_and_good_for_the_exam(
    seeded: SeededAttempt, neighbour: SeededAttempt, admission: Admission
) -> None:
    entrance = await admission.enter(await seeded.hello(), wanted)
    renewed = await admission.renew(await seeded.token(), entrance)
    assert (renewed.user_id, renewed.session) == (seeded.student_id, seeded.session)
    with pytest.raises(Forbidden):
        await admission.renew(await neighbour.token(), entrance)
    with pytest.raises(Unauthenticated):
        await admission.renew("e30.e30.e30", entrance)


async def test_a_hello_nobody_waits_for_any_more_is_ended_in_the_record(
    seeded: SeededAttempt, admission: Admission
) -> None:
    entering = admission.tasks.start(admission.enter(await seeded.hello(), wanted))
    await entering
    admission.abandon(entering, "overloaded")
    async with asyncio.timeout(5):
        while await cause_of(seeded) is None:  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0.01)
    assert await cause_of(seeded) == "overloaded"


async def cause_of(seeded: SeededAttempt) -> str | None:
    async with seeded.engine.connect() as conn:
        return (await conn.execute(select(Connection.cause).where(Connection.generation == 1))).scalar_one()


async def test_a_hello_that_came_to_nothing_opened_nothing(seeded: SeededAttempt, admission: Admission) -> None:
    with pytest.raises(Unauthenticated):
        await admission.enter(await seeded.hello(ticket="no such ticket"), wanted)
    async with seeded.engine.connect() as conn:
        assert (await conn.execute(select(ExamAttempt.generation))).scalar_one() == 0


async def test_a_ticket_is_spent_by_a_hello_that_is_refused(seeded: SeededAttempt, admission: Admission) -> None:
    ticket = await seeded.ticket()
    with pytest.raises(NotFound):
        await admission.enter(await seeded.hello(ticket=ticket, attempt_id=uuid4()), wanted)
    with pytest.raises(Unauthenticated):
        await admission.enter(await seeded.hello(ticket=ticket), wanted)


async def test_a_hello_that_is_not_wanted_any_more_leaves_the_newer_connection_alone(
    seeded: SeededAttempt, admission: Admission
) -> None:
    newer = await admission.enter(await seeded.hello(), wanted)
    late = await seeded.hello()
    with pytest.raises(Busy):
        await admission.enter(late, lambda: False)
    async with seeded.engine.connect() as conn:
        assert (await conn.execute(select(ExamAttempt.generation))).scalar_one() == newer.opening.generation
        assert (await conn.execute(select(Connection.closed_at))).scalars().all() == [None]
    again = await admission.enter(late, wanted)  # its ticket was not spent
    assert again.opening.generation == newer.opening.generation + 1
