import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Iterator

import bcrypt
import pytest

from hub.auth.fair_queue import Lane, Shares
from hub.auth.passwords import NICE, STAFF, Passwords
from hub.errors import Busy, Invalid

HERE, THERE = Lane("203.0.113.7"), Lane("198.51.100.1")


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(4, Shares(strangers=4))
    yield passwords
    passwords.close()


class Blocked:
    """Work that keeps the thread busy until `go` is set."""

    def __init__(self, passwords: Passwords, lane: Lane = HERE) -> None:
        self.go, self.began = threading.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> str:
            loop.call_soon_threadsafe(self.began.set)
            self.go.wait(10)
            return threading.current_thread().name

        self.task = asyncio.create_task(passwords.run(lane, work))


async def test_a_hash_matches_only_its_password(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("v2:$2b$04$")
    assert (await passwords.verify("correct horse", hashed)).is_right
    assert not (await passwords.verify("correct horsf", hashed)).is_right


async def test_without_a_hash_no_password_matches(passwords: Passwords) -> None:
    assert not (await passwords.verify("", None)).is_right


async def test_all_of_a_long_password_counts(passwords: Passwords) -> None:
    long = "正しい馬" * 40 + "\0 end"
    hashed = await passwords.hash(long)
    assert (await passwords.verify(long, hashed)).is_right
    assert not (await passwords.verify(long[:-1], hashed)).is_right


async def test_the_same_password_of_another_keyboard_matches(passwords: Passwords) -> None:
    hashed = await passwords.hash(unicodedata.normalize("NFC", "Amélie liest"))
    assert (await passwords.verify(unicodedata.normalize("NFD", "Amélie liest"), hashed)).is_right


async def test_an_older_hash_still_matches_and_is_replaced(passwords: Passwords) -> None:
    for typed in (unicodedata.normalize("NFC", "Amélie liest"), unicodedata.normalize("NFD", "Amélie liest")):
        old = bcrypt.hashpw(typed.encode(), bcrypt.gensalt(4)).decode()
        checked = await passwords.verify(typed, old)
        assert checked.is_right
        assert checked.new_hash is not None
        assert (await passwords.verify(typed, checked.new_hash)).is_right
        assert not (await passwords.verify("Amelie liest", old)).is_right


async def test_a_longer_password_than_an_older_hash_read_does_not_match(passwords: Passwords) -> None:
    old = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert (await passwords.verify("x" * 72, old)).is_right
    assert not (await passwords.verify("x" * 73, old)).is_right


async def test_a_weak_new_password_is_refused_without_repeating_it(passwords: Passwords) -> None:
    with pytest.raises(Invalid) as refusal:
        await passwords.choose("lovelace 1815", "lovelace")
    assert "lovelace 1815" not in str(refusal.value)
    assert (await passwords.choose("correct horse", "ada")).startswith("v2:")


async def test_when_all_places_are_taken_the_next_of_the_network_is_busy(passwords: Passwords) -> None:
    blocked = [Blocked(passwords) for _ in range(4)]
    await blocked[0].began.wait()
    with pytest.raises(Busy) as busy:
        await passwords.hash("correct horse", HERE)
    assert busy.value.retry_s > 0
    for one in blocked:
        one.go.set()
    assert len(set(await asyncio.gather(*(one.task for one in blocked)))) == 1
    await passwords.hash("correct horse", HERE)


async def test_another_network_displaces_the_last_of_a_network_that_has_all_places(passwords: Passwords) -> None:
    blocked = [Blocked(passwords) for _ in range(4)]
    await blocked[0].began.wait()
    other = asyncio.create_task(passwords.hash("correct horse", THERE))
    with pytest.raises(Busy):
        await blocked[3].task
    for one in blocked:
        one.go.set()
    assert (await other).startswith("v2:")
    await asyncio.gather(*(one.task for one in blocked[:3]))
    assert not blocked[3].began.is_set()


async def test_as_many_passwords_run_at_once_as_there_are_threads() -> None:
    passwords = Passwords(4, threads=2)
    try:
        blocked = [Blocked(passwords) for _ in range(3)]
        await asyncio.gather(blocked[0].began.wait(), blocked[1].began.wait())
        assert not blocked[2].began.is_set()
        blocked[1].go.set()
        await blocked[2].began.wait()
        for one in blocked:
            one.go.set()
        assert len(set(await asyncio.gather(*(one.task for one in blocked)))) == 2
    finally:
        passwords.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
async def test_the_threads_get_the_processor_after_the_event_loop(passwords: Passwords) -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await passwords.run(HERE, priority) == max(priority(), NICE)


async def test_another_address_waits_for_one_password_of_each_address(passwords: Passwords) -> None:
    order: list[str] = []
    first = Blocked(passwords)
    await first.began.wait()
    crowd = [asyncio.create_task(passwords.run(HERE, lambda: order.append("here"))) for _ in range(2)]
    await asyncio.wait(crowd, timeout=0)
    others = [asyncio.create_task(passwords.run(lane, lambda: order.append("other"))) for lane in (THERE, STAFF)]
    await asyncio.wait(others, timeout=0)
    first.go.set()
    await asyncio.gather(*crowd, *others)
    assert order.index("other") == 0
    assert order.count("other") == 2
    assert order[-1] == "here"


async def test_an_abandoned_sign_in_never_runs_and_frees_its_place(passwords: Passwords) -> None:
    ran: list[str] = []
    first = Blocked(passwords)
    await first.began.wait()
    others = [asyncio.create_task(passwords.run(HERE, lambda: ran.append("abandoned"))) for _ in range(2)]
    await asyncio.wait(others, timeout=0)
    for task in others:
        task.cancel()
    await asyncio.wait(others)
    first.go.set()
    await asyncio.gather(first.task, passwords.hash("a", HERE), passwords.hash("b", HERE))
    assert ran == []


async def test_an_error_of_one_password_does_not_stop_the_next(passwords: Passwords) -> None:
    def fail() -> None:
        raise ValueError("broken hash")

    with pytest.raises(ValueError, match="broken hash"):
        await passwords.run(HERE, fail)
    await passwords.hash("correct horse")
