import asyncio
import contextlib
from uuid import uuid4

import pytest
from litestar.di import Provide
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.models import Connection, ExamAttempt
from hub.app import create_app
from hub.auth.passwords import Passwords
from hub.errors import Busy, Unauthenticated
from hub.monitor.admission import Admission
from hub.settings import HubSettings
from protocol.codes import CloseCode, ErrorCode
from protocol.monitor import Error
from tests.hub.monitor.conftest import CandidateClient, make_candidate, until


def wanted() -> bool:
    return True


async def test_an_accepted_hello_opens_a_connection_in_this_hubs_name(
    candidate: CandidateClient, admission: Admission
) -> None:
    admitted = await admission.admit(await candidate.hello(), wanted)
    assert (admitted.principal.user_id, admitted.principal.session) == (candidate.student_id, candidate.session)
    assert admitted.hub_id == admission.lease.hub_id
    async with candidate.engine.connect() as conn:
        assert (await conn.execute(select(Connection.hub))).scalar_one() == admission.lease.hub_id


async def test_a_token_is_not_enough_if_a_ticket_is_required(candidate: CandidateClient, admission: Admission) -> None:
    hello = await candidate.hello(token=await candidate.token())
    with pytest.raises(Unauthenticated):
        await admission.admit(hello, wanted, by_ticket_only=True)


async def test_no_candidate_is_admitted_before_the_hub_has_its_lease(
    engine: AsyncEngine, settings: HubSettings, passwords: Passwords
) -> None:
    provide = create_app(settings, passwords=passwords).dependencies["candidates"]
    assert isinstance(provide, Provide)
    async with make_candidate("", engine, settings) as candidate:
        with pytest.raises(Busy):
            await provide.dependency().admit(await candidate.hello(), wanted)


async def test_a_new_token_must_be_of_the_same_user_and_for_the_same_exam(
    candidate: CandidateClient, neighbor: CandidateClient, admission: Admission
) -> None:
    admitted = await admission.admit(await candidate.hello(), wanted)
    renewed = await admission.renew(await candidate.token(), admitted)
    assert (renewed.user_id, renewed.session) == (candidate.student_id, candidate.session)
    with pytest.raises(Forbidden):
        await admission.renew(await neighbor.token(), admitted)
    with pytest.raises(Unauthenticated):
        await admission.renew("e30.e30.e30", admitted)


async def test_the_connection_of_an_abandoned_hello_is_closed(candidate: CandidateClient, admission: Admission) -> None:
    admitting = admission.tasks.start(admission.admit(await candidate.hello(), wanted))
    await admitting
    admission.abandon(admitting, "overloaded")

    async def is_recorded() -> bool:
        return await cause_of(candidate) == "overloaded"

    await until(is_recorded)


async def cause_of(candidate: CandidateClient) -> str | None:
    async with candidate.engine.connect() as conn:
        return (await conn.execute(select(Connection.cause).where(Connection.generation == 1))).scalar_one()


async def test_a_refused_hello_opens_no_connection(candidate: CandidateClient, admission: Admission) -> None:
    with pytest.raises(Unauthenticated):
        await admission.admit(await candidate.hello(ticket="no such ticket"), wanted)
    async with candidate.engine.connect() as conn:
        assert (await conn.execute(select(ExamAttempt.generation))).scalar_one() == 0


async def test_a_refused_hello_uses_up_its_ticket(candidate: CandidateClient, admission: Admission) -> None:
    ticket = await candidate.ticket()
    with pytest.raises(NotFound):
        await admission.admit(await candidate.hello(ticket=ticket, attempt_id=uuid4()), wanted)
    with pytest.raises(Unauthenticated):
        await admission.admit(await candidate.hello(ticket=ticket), wanted)


async def test_a_hello_that_is_not_wanted_any_more_does_not_affect_the_newer_connection(
    candidate: CandidateClient, admission: Admission
) -> None:
    newer = await admission.admit(await candidate.hello(), wanted)
    late = await candidate.hello()
    with pytest.raises(Busy):
        await admission.admit(late, lambda: False)
    async with candidate.engine.connect() as conn:
        assert (await conn.execute(select(ExamAttempt.generation))).scalar_one() == newer.opening.generation
        assert (await conn.execute(select(Connection.closed_at))).scalars().all() == [None]
    again = await admission.admit(late, wanted)  # its ticket was not used
    assert again.opening.generation == newer.opening.generation + 1


async def test_a_hello_in_a_storm_is_told_when_to_come(candidate: CandidateClient, admission: Admission) -> None:
    queue = admission.hellos
    queue.expectation.each_ms = 10_000
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(queue.slots):
            await stack.enter_async_context(queue.turn())
        waiting = asyncio.create_task(queue.turn().__aenter__())
        await asyncio.sleep(0)
        peer = await candidate.connect()
        await peer.send(await candidate.hello())
        error = await peer.receive(Error)
        assert error.code == ErrorCode.BUSY
        assert error.retry_ms is not None
        assert await peer.closed() == CloseCode.OVERLOADED
    await waiting
