"""Limits on failed sign-ins, by address and name; a success never counts, and no clock is read here.

So a school behind one address is not locked out by signing in. Kept by this process, in bounded memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from hub.errors import TooManyFailures, Unauthenticated

WINDOW_MS: Final = 60_000
KEYS_MAX: Final = 100_000


class Allowance(msgspec.Struct, frozen=True):
    """How many failures are forgiven a minute: of one name from one address, and of one address altogether."""

    per_name: int = 10
    per_address: int = 600
    """High enough for a school behind one address, each of its pupils mistyping once."""


class FailureLimits:
    """Counts failures as leaky buckets, one integer a key: the moment at which the bucket will be empty again."""

    def __init__(self, allowance: Allowance | None = None, keys_max: int = KEYS_MAX) -> None:
        self._allowance = allowance or Allowance()
        self._keys_max = keys_max
        self._empty_at: dict[tuple[str, str | None], int] = {}

    @contextmanager
    def count(self, address: str, name: str | None, now_ms: int) -> Iterator[None]:
        """Let one try happen inside: it counts while it lasts, and afterwards only if it raises Unauthenticated.

        Without a `name` only the address is limited. Raises TooManyFailures before the try.
        """
        keys = self._keys(address, name)
        for key, most in keys:
            self._check(key, most, now_ms)
        for key, most in keys:
            self._fill(key, WINDOW_MS // most, now_ms)
        try:
            yield
        except Unauthenticated:
            raise
        except BaseException:
            self._forgive(keys)
            raise
        self._forgive(keys)

    @property
    def size(self) -> int:
        """How many keys are remembered."""
        return len(self._empty_at)

    def _keys(self, address: str, name: str | None) -> list[tuple[tuple[str, str | None], int]]:
        wide: tuple[tuple[str, str | None], int] = ((address, None), self._allowance.per_address)
        return [wide] if name is None else [wide, ((address, name), self._allowance.per_name)]

    def _check(self, key: tuple[str, str | None], most: int, now_ms: int) -> None:
        over_ms = self._empty_at.get(key, now_ms) + WINDOW_MS // most - now_ms - WINDOW_MS
        if over_ms > 0:
            raise TooManyFailures(retry_s=-(-over_ms // 1000))

    def _fill(self, key: tuple[str, str | None], step_ms: int, now_ms: int) -> None:
        # Re-inserting keeps the keys in the order of their last failure: the oldest goes first.
        filled = max(self._empty_at.pop(key, now_ms), now_ms) + step_ms
        while len(self._empty_at) >= self._keys_max:
            del self._empty_at[next(iter(self._empty_at))]
        self._empty_at[key] = filled

    def _forgive(self, keys: list[tuple[tuple[str, str | None], int]]) -> None:
        for key, most in keys:
            if key in self._empty_at:
                self._empty_at[key] -= WINDOW_MS // most
