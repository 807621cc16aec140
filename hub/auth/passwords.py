"""Passwords: bcrypt in a pool of one thread behind a bounded queue, so that sign-ins never take more than one core.

No password is kept, logged or put into an error; nothing here knows an account.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import bcrypt

from hub.errors import Busy, Invalid

QUEUE_LENGTH: Final = 200
PASSWORD_BYTES: Final = 72
"""bcrypt reads no further."""

_T = TypeVar("_T")


class Passwords:
    """Hashes and checks passwords, one at a time; `cost` is bcrypt's, `queue` how many may wait or run at once."""

    def __init__(self, cost: int = 12, queue: int = QUEUE_LENGTH) -> None:
        self._cost = cost
        self._queue = queue
        self._waiting = 0
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bcrypt")
        # Any well-formed hash costs the same to check; this one fits no password we would accept it for.
        self._nobodys = f"$2b${cost:02}$" + "." * 53

    async def hash(self, password: str) -> str:
        """Hash a password. Raises Invalid over 72 bytes of UTF-8, Busy when the queue is full."""
        secret = _encode(password)
        return await self._run(lambda: bcrypt.hashpw(secret, bcrypt.gensalt(self._cost)).decode())

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password fits; without a hash it never does, after the same work.

        Raises Invalid over 72 bytes of UTF-8, Busy when the queue is full.
        """
        secret = _encode(password)
        stored = (hashed or self._nobodys).encode()
        fits = await self._run(lambda: bcrypt.checkpw(secret, stored))
        return fits and hashed is not None

    def close(self) -> None:
        """End the pool's thread; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= self._queue:
            raise Busy("Too many users are signing in right now. Try again in a moment.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _encode(password: str) -> bytes:
    secret = password.encode()
    if len(secret) > PASSWORD_BYTES:
        raise Invalid("$.password", f"must have at most {PASSWORD_BYTES} bytes")
    return secret
