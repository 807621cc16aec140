import asyncio
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict
from db.queries.accounts import second_factors, users
from db.queries.accounts.second_factors import Factor
from protocol.roles import Role
from tests import factories

CODES = [b"one", b"two"]


async def enroll(conn: AsyncConnection, counter: int = 7) -> UUID:
    user_id = await factories.make_user(conn)
    await second_factors.start_enrollment(conn, user_id, b"sealed")
    await second_factors.confirm(conn, user_id, counter, CODES)
    return user_id


async def test_a_factor_is_in_use_only_after_its_first_code(conn: AsyncConnection) -> None:
    account = await users.create_user(conn, username="ada", name="Ada", role=Role.TEACHER)
    await second_factors.start_enrollment(conn, account.user_id, b"first")
    await second_factors.start_enrollment(conn, account.user_id, b"second")
    assert await second_factors.read_factor(conn, account.user_id) == Factor(b"second", False, 0)
    found = await users.find_sign_in(conn, "ada")
    assert found is not None
    assert not found.has_second_factor
    assert not await second_factors.use_counter(conn, account.user_id, 5)
    await second_factors.confirm(conn, account.user_id, 5, CODES)
    found = await users.find_sign_in(conn, "ada")
    assert found is not None
    assert found.has_second_factor


async def test_a_factor_in_use_is_not_replaced(conn: AsyncConnection) -> None:
    user_id = await enroll(conn)
    with pytest.raises(Conflict):
        await second_factors.start_enrollment(conn, user_id, b"another")
    with pytest.raises(Conflict):
        await second_factors.confirm(conn, user_id, 9, CODES)
    assert await second_factors.read_factor(conn, user_id) == Factor(b"sealed", True, 7)


async def test_there_is_nothing_to_confirm_before_the_enrollment(conn: AsyncConnection) -> None:
    with pytest.raises(Conflict):
        await second_factors.confirm(conn, await factories.make_user(conn), 1, CODES)


async def test_a_code_and_all_codes_before_it_are_used_up(conn: AsyncConnection) -> None:
    user_id = await enroll(conn, counter=7)
    assert [await second_factors.use_counter(conn, user_id, step) for step in (7, 9, 9, 8, 10)] == [
        *(False, True, False, False, True)
    ]


async def test_one_of_many_simultaneous_sign_ins_uses_a_code(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        user_id = await enroll(conn)

    async def use() -> bool:
        async with engine.begin() as conn:
            return await second_factors.use_counter(conn, user_id, 20)

    assert sum(await asyncio.gather(*(use() for _ in range(8)))) == 1


async def test_a_recovery_code_is_valid_once_and_for_its_user(conn: AsyncConnection) -> None:
    user_id = await enroll(conn)
    other = await factories.make_user(conn)
    assert not await second_factors.use_recovery_code(conn, other, b"one")
    assert await second_factors.use_recovery_code(conn, user_id, b"one")
    assert not await second_factors.use_recovery_code(conn, user_id, b"one")
    assert await second_factors.count_recovery_codes(conn, user_id) == 1


async def test_removing_a_factor_removes_its_recovery_codes(conn: AsyncConnection) -> None:
    user_id = await enroll(conn)
    assert await second_factors.remove(conn, user_id)
    assert not await second_factors.remove(conn, user_id)
    assert await second_factors.read_factor(conn, user_id) is None
    assert await second_factors.count_recovery_codes(conn, user_id) == 0
