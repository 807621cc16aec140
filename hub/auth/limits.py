"""Limits for failed sign-ins, by network, username and account. Memory is bounded. Pure: time is an argument.

A success must never count, so that a school behind one address is not locked out when all its students sign in. The
failures of strangers must never limit a known device, which has a small budget that only its own failures use up.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from hub.errors import TooManyFailures, Unauthenticated

WINDOW_MS: Final = 60_000
KEYS_MAX: Final = 100_000
IPV6_PREFIX: Final = 64
"""One subscriber has at least this network, so all its addresses are one."""

LEAK_MS: Final = 600_000
"""After this time, one failure on an account is forgotten."""

DELAY_MS: Final = 1_000
DELAY_MS_MAX: Final = 300_000
"""The first and the longest delay of an account with too many failures; each failure doubles it."""

_Key = tuple[str, ...]


class Allowance(msgspec.Struct, frozen=True):
    """The allowed failures: per minute of one username from one network, of one network, and of one known device.

    `per_account` failures of one username, from everywhere together, are free; after them each one doubles a delay.
    """

    per_name: int = 10
    per_address: int = 600
    """High enough for a school behind one address if each of its students makes one typing error."""

    per_account: int = 20
    per_device: int = 10


class Try(msgspec.Struct, frozen=True):
    """One sign-in by password. `device` is the hash of a device secret that this user is known to have."""

    address: str
    name: str
    device: str | None = None


class _Bucket(msgspec.Struct, frozen=True):
    """A leaky bucket: the time at which it will be empty again; and of an account, until when it is slowed down."""

    empty_at: int
    blocked_until: int = 0


def network_of(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the /64 network of an IPv6 address.

    >>> network_of("2001:db8:0:1:aaaa::1")
    '2001:db8:0:1::/64'
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)


class FailureLimits:
    """Counts failures in leaky buckets. `now_ms` is the time of a clock that never goes back."""

    def __init__(self, allowance: Allowance | None = None, keys_max: int = KEYS_MAX) -> None:
        self._allowance = allowance or Allowance()
        self._keys_max = keys_max
        self._buckets: dict[_Key, _Bucket] = {}
        self._running: Counter[_Key] = Counter()

    @contextmanager
    def count(self, attempt: Try, now_ms: int) -> Iterator[None]:
        """Run one sign-in by password in the block. It counts as a failure only if it raises Unauthenticated.

        Running sign-ins of a username count too; otherwise many at once could exceed the limit. Raises TooManyFailures
        before the block.
        """
        keys = self._keys(attempt)
        for key, allowed in keys:
            self._check(key, allowed, now_ms)
        if attempt.device is None:
            self._check_account(attempt.name, now_ms)
            keys.append((_account(attempt.name), 1))
        held = [key for key, _ in keys if key[0] != "address"]
        self._running.update(held)
        try:
            yield
        except Unauthenticated:
            self.note(attempt, now_ms)
            raise
        finally:
            self._running.subtract(held)
            for key in held:
                if not self._running[key]:
                    del self._running[key]

    def note(self, attempt: Try, now_ms: int) -> None:
        """Count a failure at this or another hub."""
        for key, allowed in self._keys(attempt):
            self._fill(key, WINDOW_MS // allowed, now_ms)
        if attempt.device is None:
            self._slow_down(attempt.name, now_ms)

    def note_guess(self, address: str, now_ms: int) -> None:
        """Count a code or token that does not exist."""
        self._fill(("address", network_of(address)), WINDOW_MS // self._allowance.per_address, now_ms)

    def check_guess(self, address: str, now_ms: int) -> None:
        """Raise TooManyFailures if this network has used up its failures. For a guess, not for a right secret."""
        self._check(("address", network_of(address)), self._allowance.per_address, now_ms)

    @property
    def size(self) -> int:
        """The number of stored keys."""
        return len(self._buckets) + len(self._running)

    def _keys(self, attempt: Try) -> list[tuple[_Key, int]]:
        """Return what a try counts for; a known device counts only for itself."""
        if attempt.device is not None:
            return [(("device", attempt.device, attempt.name), self._allowance.per_device)]
        network = network_of(attempt.address)
        by_address: tuple[_Key, int] = (("address", network), self._allowance.per_address)
        return [by_address, (("name", network, attempt.name), self._allowance.per_name)]

    def _check(self, key: _Key, allowed: int, now_ms: int) -> None:
        step_ms = WINDOW_MS // allowed
        level_ms = max(0, self._empty_at(key, now_ms) - now_ms) + self._running[key] * step_ms
        over_ms = level_ms + step_ms - WINDOW_MS
        if over_ms > 0:
            raise TooManyFailures(retry_s=-(-over_ms // 1000))

    def _check_account(self, name: str, now_ms: int) -> None:
        key = _account(name)
        running = self._running[key]
        if self._failures(key, now_ms) + running < self._allowance.per_account:
            return
        bucket = self._buckets.get(key)
        # One at a time: the delay after it is not known yet.
        wait_ms = max(0 if bucket is None else bucket.blocked_until - now_ms, DELAY_MS if running else 0)
        if wait_ms > 0:
            raise TooManyFailures(retry_s=-(-wait_ms // 1000))

    def _slow_down(self, name: str, now_ms: int) -> None:
        key = _account(name)
        over = self._failures(key, now_ms) + 1 - self._allowance.per_account
        # The exponent is bounded so that the power stays small.
        delay_ms = 0 if over < 0 else min(DELAY_MS << min(over, 20), DELAY_MS_MAX)
        self._fill(key, LEAK_MS, now_ms, blocked_until=now_ms + delay_ms)

    def _failures(self, key: _Key, now_ms: int) -> int:
        """Return how many failures on an account are not forgotten yet."""
        return -(-max(0, self._empty_at(key, now_ms) - now_ms) // LEAK_MS)

    def _empty_at(self, key: _Key, now_ms: int) -> int:
        bucket = self._buckets.get(key)
        return now_ms if bucket is None else bucket.empty_at

    def _fill(self, key: _Key, step_ms: int, now_ms: int, blocked_until: int = 0) -> None:
        filled = max(self._empty_at(key, now_ms), now_ms) + step_ms
        # Inserting again keeps the keys in the order of their last failure, so that the oldest is removed first.
        self._buckets.pop(key, None)
        while len(self._buckets) >= self._keys_max:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = _Bucket(filled, blocked_until)


def _account(name: str) -> _Key:
    return ("account", name)
