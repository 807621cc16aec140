"""Hash and check passwords with bcrypt, in one thread behind a bounded queue, so that sign-ins use at most one core.

A password must never be stored, logged or part of an error.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import bcrypt

from hub.errors import Busy, Invalid

QUEUE_LENGTH: Final = 200
PASSWORD_BYTES: Final = 72
"""bcrypt ignores everything after this length."""

_T = TypeVar("_T")


class Passwords:
    """Hashes and checks passwords one by one. `cost` is bcrypt's; at most `queue` can wait or run at once."""

    def __init__(self, cost: int = 12, queue: int = QUEUE_LENGTH) -> None:
        self._cost = cost
        self._queue = queue
        self._waiting = 0
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bcrypt")
        # Checking any well-formed hash takes the same time. This one matches no password.
        self._dummy_hash = f"$2b${cost:02}$" + "." * 53

    async def hash(self, password: str) -> str:
        """Hash a password. Raises Invalid over 72 bytes of UTF-8, Busy when the queue is full."""
        secret = _encode(password)
        return await self._run(lambda: bcrypt.hashpw(secret, bcrypt.gensalt(self._cost)).decode())

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Return whether the password matches the hash. Without a hash it does not, after the same time.

        Raises Invalid over 72 bytes of UTF-8, Busy when the queue is full.
        """
        secret = _encode(password)
        stored = (hashed or self._dummy_hash).encode()
        is_right = await self._run(lambda: bcrypt.checkpw(secret, stored))
        return is_right and hashed is not None

    def close(self) -> None:
        """Stop the thread. Waiting passwords are dropped."""
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
