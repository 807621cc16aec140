"""Limits for failed sign-ins, by address and username. Memory is bounded.

A success must never count, so that a school behind one address is not locked out when all its students sign in. No
clock is read here: time is an argument.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from hub.errors import TooManyFailures, Unauthenticated

WINDOW_MS: Final = 60_000
KEYS_MAX: Final = 100_000

_Key = tuple[str, str | None]


class Allowance(msgspec.Struct, frozen=True):
    """The allowed failures per minute: of one username from one address, and of one address in total."""

    per_name: int = 10
    per_address: int = 600
    """High enough for a school behind one address if each of its students makes one typing error."""


class FailureLimits:
    """Counts failures in leaky buckets. A bucket is one integer: the time at which it will be empty again.

    `now_ms` is the time of a clock that never goes back.
    """

    def __init__(self, allowance: Allowance | None = None, keys_max: int = KEYS_MAX) -> None:
        self._allowance = allowance or Allowance()
        self._keys_max = keys_max
        self._empty_at: dict[_Key, int] = {}
        self._running: Counter[_Key] = Counter()

    @contextmanager
    def count(self, address: str, name: str | None, now_ms: int) -> Iterator[None]:
        """Run one sign-in in the block. It counts as a failure only if it raises Unauthenticated.

        Running sign-ins of a username count too; otherwise many at once could exceed the limit. Without a `name`, only
        the address is limited. Raises TooManyFailures before the block.
        """
        for key, allowed in self._keys(address, name):
            self._check(key, allowed, now_ms)
        with self._run(address, name):
            try:
                yield
            except Unauthenticated:
                self.note(address, name, now_ms)
                raise

    def note(self, address: str, name: str | None, now_ms: int) -> None:
        """Count a failure at this or another hub."""
        for key, allowed in self._keys(address, name):
            # Inserting again keeps the keys in the order of their last failure, so that the oldest is removed first.
            filled = max(self._empty_at.pop(key, now_ms), now_ms) + WINDOW_MS // allowed
            while len(self._empty_at) >= self._keys_max:
                del self._empty_at[next(iter(self._empty_at))]
            self._empty_at[key] = filled

    @property
    def size(self) -> int:
        """The number of stored keys."""
        return len(self._empty_at) + len(self._running)

    @contextmanager
    def _run(self, address: str, name: str | None) -> Iterator[None]:
        if name is None:
            yield
            return
        key = (address, name)
        self._running[key] += 1
        try:
            yield
        finally:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]

    def _keys(self, address: str, name: str | None) -> list[tuple[_Key, int]]:
        by_address: tuple[_Key, int] = ((address, None), self._allowance.per_address)
        return [by_address] if name is None else [by_address, ((address, name), self._allowance.per_name)]

    def _check(self, key: _Key, allowed: int, now_ms: int) -> None:
        step_ms = WINDOW_MS // allowed
        level_ms = max(0, self._empty_at.get(key, now_ms) - now_ms) + self._running[key] * step_ms
        over_ms = level_ms + step_ms - WINDOW_MS
        if over_ms > 0:
            raise TooManyFailures(retry_s=-(-over_ms // 1000))
