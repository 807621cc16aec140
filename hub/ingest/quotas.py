"""How much one attempt may store, and how often its student may connect. Pure: time is an argument, nothing is sent.

An allowance that honest use never meets, refilled at a rate above honest use: over it, a client is slowed down to that
rate. Never refuses or drops an event; the batch waits, and the client keeps what it cannot send. Each hub counts alone.
"""

from typing import Any, Final
from uuid import UUID

import msgspec

from protocol import limits

KEPT: Final = 50_000
"""So many attempts and students are remembered. Those that were idle longest are forgotten: their allowance is full."""


class QuotaLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The size of each allowance, and how much of it comes back in a second."""

    bytes: int = limits.QUOTA_BYTES
    bytes_per_s: int = limits.QUOTA_BYTES_PER_S
    events: int = limits.QUOTA_EVENTS
    events_per_s: int = limits.QUOTA_EVENTS_PER_S
    hellos: int = limits.QUOTA_HELLOS
    hellos_per_s: float = limits.QUOTA_HELLOS_PER_S


class Quota:
    """What one attempt may spend of one thing. Spending may overdraw it by the last amount."""

    def __init__(self, size: int, per_s: float, now_ms: int) -> None:
        self._size = size
        self._per_s = per_s
        self._left = float(size)
        self._at_ms = now_ms

    def wait_ms(self, now_ms: int) -> int:
        """Return how long until something can be spent; 0 means now."""
        self._refill(now_ms)
        return 0 if self._left >= 1 else int(1000 * (1 - self._left) / self._per_s) + 1

    def spend(self, amount: int, now_ms: int) -> None:
        """Count an amount."""
        self._refill(now_ms)
        self._left -= amount

    def is_full(self, now_ms: int) -> bool:
        """Return whether everything spent has come back."""
        self._refill(now_ms)
        return self._left >= self._size

    def _refill(self, now_ms: int) -> None:
        self._left = min(self._size, self._left + self._per_s * max(0, now_ms - self._at_ms) / 1000)
        self._at_ms = max(now_ms, self._at_ms)


class _AttemptQuotas:
    def __init__(self, bounds: QuotaLimits, now_ms: int) -> None:
        self.bytes = Quota(bounds.bytes, bounds.bytes_per_s, now_ms)
        self.events = Quota(bounds.events, bounds.events_per_s, now_ms)
        self.is_noted = False


class Quotas:
    """The allowances of one hub: bytes and events per attempt, hellos per student."""

    def __init__(self, bounds: QuotaLimits | None = None) -> None:
        self._bounds = bounds or QuotaLimits()
        self._attempts: dict[UUID, _AttemptQuotas] = {}
        self._hellos: dict[UUID, Quota] = {}

    def wait_ms(self, attempt_id: UUID, now_ms: int) -> int:
        """Return how long the next batch of this attempt must wait; 0 means it may be stored now."""
        attempt = self._attempts.get(attempt_id)
        return 0 if attempt is None else max(attempt.bytes.wait_ms(now_ms), attempt.events.wait_ms(now_ms))

    def spend(self, attempt_id: UUID, events: int, size: int, now_ms: int) -> None:
        """Count a batch that will be stored."""
        attempt = self._attempts.pop(attempt_id, None) or _AttemptQuotas(self._bounds, now_ms)
        if attempt.is_noted and attempt.bytes.is_full(now_ms) and attempt.events.is_full(now_ms):
            attempt.is_noted = False
        attempt.bytes.spend(size, now_ms)
        attempt.events.spend(events, now_ms)
        self._attempts[attempt_id] = attempt
        _forget_oldest(self._attempts)

    def note(self, attempt_id: UUID) -> bool:
        """Return whether to record that this attempt has used up its allowance: once until it is full again."""
        attempt = self._attempts.get(attempt_id)
        if attempt is None or attempt.is_noted:
            return False
        attempt.is_noted = True
        return True

    def spend_hello(self, student_id: UUID, now_ms: int) -> int:
        """Count a hello of this student. Returns 0, or, when it is not allowed, how long to wait in ms."""
        hellos = self._hellos.pop(student_id, None) or Quota(self._bounds.hellos, self._bounds.hellos_per_s, now_ms)
        self._hellos[student_id] = hellos
        _forget_oldest(self._hellos)
        wait_ms = hellos.wait_ms(now_ms)
        if not wait_ms:
            hellos.spend(1, now_ms)
        return wait_ms

    def hello_wait_ms(self, student_id: UUID, now_ms: int) -> int:
        """Return how long the next hello of this student must wait; 0 means it is allowed now."""
        hellos = self._hellos.get(student_id)
        return 0 if hellos is None else hellos.wait_ms(now_ms)


class RecentStudents:
    """Whose attempts have connected to this hub, so that the allowance is known before a hello is checked."""

    def __init__(self) -> None:
        self._students: dict[UUID, UUID] = {}

    def note(self, attempt_id: UUID, student_id: UUID) -> None:
        """Note that this attempt is of this student."""
        self._students.pop(attempt_id, None)
        self._students[attempt_id] = student_id
        _forget_oldest(self._students)

    def find(self, attempt_id: UUID) -> UUID | None:
        """Return the student of an attempt that has connected here; None for others."""
        return self._students.get(attempt_id)


def _forget_oldest(kept: dict[UUID, Any]) -> None:
    if len(kept) > KEPT:
        del kept[next(iter(kept))]
