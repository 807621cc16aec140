import asyncio
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.queries.console import commands
from db.queries.console.commands import StoredCommand
from protocol.codes import ErrorCode
from protocol.console import Outcome, Result
from protocol.roles import Role
from tests.factories import make_exam, make_user


async def carried_out(conn: AsyncConnection, command_id: UUID) -> StoredCommand:
    teacher = await make_user(conn, role=Role.TEACHER)
    lost = Outcome(attempt_id=uuid4(), ok=False, code=ErrorCode.CONFLICT, by="Tess", at=5)
    result = Result(command_id, [Outcome(attempt_id=uuid4(), ok=True), lost])
    return StoredCommand(await make_exam(conn, teacher), teacher, "review", "abc", result)


async def test_a_command_is_found_as_it_was_carried_out(conn: AsyncConnection) -> None:
    command_id = uuid4()
    assert await commands.lock_command(conn, command_id) is None
    past = await carried_out(conn, command_id)
    await commands.store_command(conn, command_id, past)
    assert await commands.lock_command(conn, command_id) == past


async def test_of_two_at_once_the_later_finds_what_the_first_recorded(engine: AsyncEngine) -> None:
    command_id = uuid4()
    async with engine.begin() as conn:
        past = await carried_out(conn, command_id)

    async def take() -> StoredCommand | None:
        async with engine.begin() as conn:
            return await commands.lock_command(conn, command_id)

    async with engine.begin() as first:
        assert await commands.lock_command(first, command_id) is None
        waiting = asyncio.create_task(take())
        async with engine.begin() as other:
            assert await commands.lock_command(other, uuid4()) is None
        await commands.store_command(first, command_id, past)
        assert not waiting.done()
    assert await waiting == past
