"""Limits on failed sign-ins, by address and name; a success never counts, and no clock is read here.

So a school behind one address is not locked out by signing in, however many do so at once. Bounded memory.
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
    """How many failures are forgiven a minute: of one name from one address, and of one address altogether."""

    per_name: int = 10
    per_address: int = 600
    """High enough for a school behind one address, each of its pupils mistyping once."""


class FailureLimits:
    """Counts failures as leaky buckets, one integer a key: the moment at which the bucket will be empty again.

    `now_ms` is of any clock that never steps back.
    """

    def __init__(self, allowance: Allowance | None = None, keys_max: int = KEYS_MAX) -> None:
        self._allowance = allowance or Allowance()
        self._keys_max = keys_max
        self._empty_at: dict[_Key, int] = {}
        self._trying: Counter[_Key] = Counter()

    @contextmanager
    def count(self, address: str, name: str | None, now_ms: int) -> Iterator[None]:
        """Let one try happen inside: it counts only if it raises Unauthenticated.

        A name's tries count while they last, too, or many at once would be let in on one allowance. Without a `name`
        only the address is limited. Raises TooManyFailures before the try.
        """
        for key, most in self._keys(address, name):
            self._check(key, most, now_ms)
        with self._try(address, name):
            try:
                yield
            except Unauthenticated:
                self.note(address, name, now_ms)
                raise

    def note(self, address: str, name: str | None, now_ms: int) -> None:
        """Count a failure, seen here or elsewhere."""
        for key, most in self._keys(address, name):
            # Re-inserting keeps the keys in the order of their last failure: the oldest goes first.
            filled = max(self._empty_at.pop(key, now_ms), now_ms) + WINDOW_MS // most
            while len(self._empty_at) >= self._keys_max:
                del self._empty_at[next(iter(self._empty_at))]
            self._empty_at[key] = filled

    @property
    def size(self) -> int:
        """How many keys are remembered."""
        return len(self._empty_at) + len(self._trying)

    @contextmanager
    def _try(self, address: str, name: str | None) -> Iterator[None]:
        if name is None:
            yield
            return
        key = (address, name)
        self._trying[key] += 1
        try:
            yield
        finally:
            self._trying[key] -= 1
            if not self._trying[key]:
                del self._trying[key]

    def _keys(self, address: str, name: str | None) -> list[tuple[_Key, int]]:
        wide: tuple[_Key, int] = ((address, None), self._allowance.per_address)
        return [wide] if name is None else [wide, ((address, name), self._allowance.per_name)]

    def _check(self, key: _Key, most: int, now_ms: int) -> None:
        step_ms = WINDOW_MS // most
        level_ms = max(0, self._empty_at.get(key, now_ms) - now_ms) + self._trying[key] * step_ms
        over_ms = level_ms + step_ms - WINDOW_MS
        if over_ms > 0:
            raise TooManyFailures(retry_s=-(-over_ms // 1000))
