from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Device
from db.queries.accounts import devices, users
from db.queries.accounts.devices import DEVICE_LIFETIME, DEVICES_MAX
from protocol.roles import Role

LAPTOP, PHONE = b"laptop", b"phone"


async def make(conn: AsyncConnection, username: str) -> users.Account:
    return await users.create_user(conn, username=username, name=username.title(), role=Role.TEACHER)


async def test_a_device_is_known_only_for_users_who_signed_in_from_it(conn: AsyncConnection) -> None:
    ada, eve = await make(conn, "ada"), await make(conn, "eve")
    await devices.remember(conn, ada.user_id, LAPTOP)
    assert await devices.is_known(conn, "ADA", LAPTOP)
    assert not await devices.is_known(conn, "ada", PHONE)
    assert not await devices.is_known(conn, "eve", LAPTOP)
    await devices.remember(conn, eve.user_id, LAPTOP)
    assert await devices.is_known(conn, "eve", LAPTOP)
    assert await devices.is_known(conn, "ada", LAPTOP)


async def test_a_device_is_forgotten_when_it_was_not_used_for_its_lifetime(conn: AsyncConnection) -> None:
    ada = await make(conn, "ada")
    for device in (LAPTOP, PHONE):
        await devices.remember(conn, ada.user_id, device)
    past = func.now() - DEVICE_LIFETIME - timedelta(seconds=1)
    await conn.execute(update(Device).where(Device.hash == LAPTOP).values(last_used_at=past))
    assert not await devices.is_known(conn, "ada", LAPTOP)
    assert await devices.delete_unused(conn) == 1
    assert await devices.is_known(conn, "ada", PHONE)


async def test_a_further_device_replaces_the_one_that_was_not_used_for_longest(conn: AsyncConnection) -> None:
    ada, eve = await make(conn, "ada"), await make(conn, "eve")
    await devices.remember(conn, eve.user_id, LAPTOP)
    for number in range(DEVICES_MAX):
        await devices.remember(conn, ada.user_id, bytes([number]))
        age = func.now() - timedelta(days=DEVICES_MAX - number)
        await conn.execute(update(Device).where(Device.hash == bytes([number])).values(last_used_at=age))
    await devices.remember(conn, ada.user_id, PHONE)
    stored = set((await conn.execute(select(Device.hash).where(Device.user_id == ada.user_id))).scalars())
    assert stored == {bytes([number]) for number in range(1, DEVICES_MAX)} | {PHONE}
    assert await devices.is_known(conn, "eve", LAPTOP)


async def test_all_devices_of_a_user_can_be_forgotten(conn: AsyncConnection) -> None:
    ada, eve = await make(conn, "ada"), await make(conn, "eve")
    for account in (ada, eve):
        await devices.remember(conn, account.user_id, LAPTOP)
    await devices.forget_all(conn, ada.user_id)
    assert not await devices.is_known(conn, "ada", LAPTOP)
    assert await devices.is_known(conn, "eve", LAPTOP)
