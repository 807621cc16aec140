import asyncio
import threading
from collections.abc import Iterator

import pytest

from hub.auth.passwords import Passwords
from hub.errors import Busy, Invalid


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(4, queue=3)
    yield passwords
    passwords.close()


async def test_a_hash_matches_only_its_password(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("$2b$04$")
    assert await passwords.verify("correct horse", hashed)
    assert not await passwords.verify("correct horsf", hashed)


async def test_without_a_hash_no_password_matches(passwords: Passwords) -> None:
    assert not await passwords.verify("", None)


@pytest.mark.parametrize("password", ["x" * 73, "ä" * 37])
async def test_more_bytes_than_bcrypt_reads_are_rejected(passwords: Passwords, password: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await passwords.hash(password)
    assert password not in str(refusal.value)
    with pytest.raises(Invalid):
        await passwords.verify(password, None)


async def test_seventy_two_bytes_and_nul_all_count(passwords: Passwords) -> None:
    hashed = await passwords.hash("a\0" + "x" * 70)
    assert not await passwords.verify("a\0" + "x" * 69 + "y", hashed)


async def test_one_runs_some_wait_and_the_rest_are_busy(passwords: Passwords) -> None:
    go, began = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> str:
        loop.call_soon_threadsafe(began.set)
        go.wait(10)
        return threading.current_thread().name

    waiting = [asyncio.create_task(passwords._run(work)) for _ in range(3)]
    await began.wait()
    with pytest.raises(Busy) as busy:
        await passwords.hash("correct horse")
    assert busy.value.retry_s > 0
    go.set()
    assert len(set(await asyncio.gather(*waiting))) == 1
    await passwords.hash("correct horse")


async def test_a_cancelled_sign_in_leaves_the_queue(passwords: Passwords) -> None:
    go, began = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(began.set)
        go.wait(10)

    first = asyncio.create_task(passwords._run(work))
    await began.wait()
    others = [asyncio.create_task(passwords._run(work)) for _ in range(2)]
    await asyncio.wait(others, timeout=0)
    for task in others:
        task.cancel()
    await asyncio.wait(others)
    go.set()
    await asyncio.gather(first, passwords.hash("a"), passwords.hash("b"))
