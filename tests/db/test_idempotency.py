import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import IdReused
from db.idempotency import idempotent
from db.unit import Unit, change
from protocol.console import Outcome, Result
from protocol.roles import Role
from tests.factories import make_exam, make_user

Act = Callable[[], Awaitable[Result]]


class Sender:
    """One actor who sends requests about one exam, and counts how often they are carried out."""

    def __init__(self, engine: AsyncEngine, actor_id: UUID, exam_id: UUID) -> None:
        self.engine = engine
        self.actor_id = actor_id
        self.exam_id = exam_id
        self.acted = 0

    async def send(self, request_id: UUID, *, digest: str = "abc", actor_id: UUID | None = None) -> Result:
        async def act() -> Result:
            self.acted += 1
            return Result(request_id, [Outcome(attempt_id=uuid4(), ok=True)])

        async with change(self.engine, None) as unit:
            return await self.carry_out(unit, request_id, act, digest=digest, actor_id=actor_id)

    async def carry_out(
        self, unit: Unit, request_id: UUID, act: Act, *, digest: str = "abc", actor_id: UUID | None = None
    ) -> Result:
        return await idempotent(
            unit, request_id, actor_id or self.actor_id, digest, act, exam_id=self.exam_id, action="review"
        )


@pytest.fixture
async def sender(engine: AsyncEngine) -> Sender:
    async with engine.begin() as conn:
        teacher = await make_user(conn, role=Role.TEACHER)
        return Sender(engine, teacher, await make_exam(conn, teacher))


async def test_a_repeated_request_gets_the_stored_result_and_does_nothing(sender: Sender) -> None:
    request_id = uuid4()
    first = await sender.send(request_id)
    assert await sender.send(request_id) == first
    assert sender.acted == 1


async def test_another_id_is_another_request(sender: Sender) -> None:
    await sender.send(uuid4())
    await sender.send(uuid4())
    assert sender.acted == 2


async def test_an_id_with_another_content_is_refused(sender: Sender) -> None:
    request_id = uuid4()
    await sender.send(request_id)
    with pytest.raises(IdReused, match="another request"):
        await sender.send(request_id, digest="abd")
    assert sender.acted == 1


async def test_an_id_of_another_actor_is_refused(engine: AsyncEngine, sender: Sender) -> None:
    async with engine.begin() as conn:
        colleague = await make_user(conn, role=Role.TEACHER)
    request_id = uuid4()
    await sender.send(request_id)
    with pytest.raises(IdReused):
        await sender.send(request_id, actor_id=colleague)
    assert sender.acted == 1


async def test_a_request_that_failed_may_be_sent_again_with_its_id(engine: AsyncEngine, sender: Sender) -> None:
    async def fail() -> Result:
        raise ValueError("broken")

    request_id = uuid4()
    with pytest.raises(ValueError, match="broken"):
        async with change(engine, None) as unit:
            await sender.carry_out(unit, request_id, fail)
    await sender.send(request_id, digest="abd")
    assert sender.acted == 1


async def test_of_two_equal_requests_at_once_only_one_is_carried_out(sender: Sender) -> None:
    request_id = uuid4()
    first, second = await asyncio.gather(sender.send(request_id), sender.send(request_id))
    assert first == second
    assert sender.acted == 1
