"""Hash and check passwords with bcrypt, in a few threads of low priority behind a fair queue.

New hashes begin with `v2:`: bcrypt of the base64 of the SHA-384 of the password in its composed form, so that all of a
long password counts. Older hashes are bcrypt of the password's own bytes; they are replaced with the next sign-in. A
password must never be stored, logged or part of an error, and is not hashed after its client has gone.
"""

import asyncio
import base64
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha384
from typing import Any, Final, TypeVar

import bcrypt
import msgspec

from hub.auth.fair_queue import FairQueue, Lane, Shares
from hub.auth.password_rules import find_fault, normalize
from hub.errors import Busy, Invalid

PREFIX: Final = "v2:"
OLD_BYTES: Final = 72
"""Older hashes ignore everything after this length; a longer password could not be chosen then."""

NICE: Final = 10
"""The threads get the processor after the event loop, on which acknowledgements wait."""

STAFF: Final = Lane("staff", is_known=True)
"""For passwords that a signed-in administrator sets."""

_T = TypeVar("_T")


class PasswordCheck(msgspec.Struct, frozen=True):
    """Whether a password is right, and a new hash of it if the stored one should be replaced."""

    is_right: bool
    new_hash: str | None = None


class _Job(msgspec.Struct, eq=False):
    work: Callable[[], Any]
    result: asyncio.Future[Any]


class Passwords:
    """Hashes and checks passwords. `cost` is bcrypt's; `shares` bound how many wait or run, `threads` how many run."""

    def __init__(self, cost: int = 12, shares: Shares | None = None, threads: int = 1) -> None:
        self._cost = cost
        self._queue: FairQueue[_Job] = FairQueue(shares)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt", initializer=_lower_priority)
        self._runners: list[asyncio.Task[None]] = []
        # Checking any well-formed hash takes the same time. This one matches no password.
        self._dummy_hash = f"{PREFIX}$2b${cost:02}$" + "." * 53

    async def hash(self, password: str, lane: Lane = STAFF) -> str:
        """Hash a password. Raises Busy when the queue has no place for it."""
        return await self.run(lane, lambda: hash_password(password, self._cost))

    async def choose(self, password: str, username: str, lane: Lane = STAFF, *, path: str = "$.password") -> str:
        """Hash the new password of a user. Raises Invalid when it is too weak, Busy when the queue has no place.

        `path` is the field of the request with the password.
        """
        fault = find_fault(password, username)
        if fault is not None:
            raise Invalid(path, fault)
        return await self.hash(password, lane)

    async def verify(self, password: str, hashed: str | None, lane: Lane = STAFF) -> PasswordCheck:
        """Check whether the password matches the hash. Without a hash it does not, after the same time.

        Raises Busy when the queue has no place for it. When the caller is cancelled, a waiting check never runs.
        """
        stored = hashed or self._dummy_hash
        checked = await self.run(lane, lambda: _check(password, stored, self._cost))
        return checked if hashed is not None else PasswordCheck(is_right=False)

    def close(self) -> None:
        """Stop the threads. Waiting passwords are dropped."""
        for runner in self._runners:
            runner.cancel()
        while (entry := self._queue.take()) is not None:
            entry.item.result.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, lane: Lane, work: Callable[[], _T]) -> _T:
        """Do some work in a thread when it is this lane's turn. Raises Busy when others get its place in the queue."""
        job = _Job(work, asyncio.get_running_loop().create_future())
        displaced = self._queue.put(lane, job)
        if displaced is not None and not displaced.item.result.done():
            displaced.item.result.set_exception(Busy("Many users are signing in right now. Try again in a moment."))
        self._start_runner()
        try:
            result: _T = await job.result
        except asyncio.CancelledError:
            self._queue.remove(lane, job)
            raise
        return result

    def _start_runner(self) -> None:
        self._runners = [runner for runner in self._runners if not runner.done()]
        if len(self._runners) < self._threads:
            self._runners.append(asyncio.create_task(self._run_all(), name="passwords"))

    async def _run_all(self) -> None:
        loop = asyncio.get_running_loop()
        while (entry := self._queue.take()) is not None:
            job = entry.item
            try:
                result = await loop.run_in_executor(self._pool, job.work)
            except asyncio.CancelledError:
                job.result.cancel()
                raise
            except Exception as error:
                if not job.result.done():
                    job.result.set_exception(error)
            else:
                if not job.result.done():
                    job.result.set_result(result)
            finally:
                self._queue.finish(entry.lane)


def _lower_priority() -> None:
    # Linux has a priority for each thread; elsewhere this would be the priority of the process.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))


def hash_password(password: str, cost: int) -> str:
    """Hash a password in the current form. Takes as long as bcrypt does."""
    return PREFIX + bcrypt.hashpw(_digest(password), bcrypt.gensalt(cost)).decode()


def _check(password: str, stored: str, cost: int) -> PasswordCheck:
    if stored.startswith(PREFIX):
        return PasswordCheck(bcrypt.checkpw(_digest(password), stored.removeprefix(PREFIX).encode()))
    # Older passwords were hashed as they were typed, so both forms are tried.
    for form in dict.fromkeys((password, normalize(password))):
        if bcrypt.checkpw(form.encode()[:OLD_BYTES], stored.encode()) and len(form.encode()) <= OLD_BYTES:
            return PasswordCheck(is_right=True, new_hash=hash_password(password, cost))
    return PasswordCheck(is_right=False)


def _digest(password: str) -> bytes:
    """Return 64 bytes without NUL that depend on every character of the composed form."""
    return base64.b64encode(sha384(normalize(password).encode()).digest())
