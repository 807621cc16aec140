"""Limits log lines that clients can cause: one line a minute per kind, with the number of occasions since the last.

Pure: time is an argument. Never counts for metrics; those have counters.
"""

from collections.abc import Hashable
from typing import Final

EVERY_S: Final = 60.0
KINDS_MAX: Final = 10_000
"""So many kinds are remembered; a kind may be one attempt of one fault."""


class LogLimit:
    """Decides which occasions are logged."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._kinds: dict[Hashable, tuple[float, int]] = {}
        """Per kind: when it was last logged, and how many occasions were not logged since."""

    def note(self, kind: Hashable, now_s: float) -> int | None:
        """Count one occasion. Returns how many to log now, this one included; None to log nothing."""
        logged_s, silent = self._kinds.pop(kind, (-self._every_s, 0))
        is_due = now_s - logged_s >= self._every_s
        self._kinds[kind] = (now_s, 0) if is_due else (logged_s, silent + 1)
        if len(self._kinds) > KINDS_MAX:
            del self._kinds[next(iter(self._kinds))]
        return silent + 1 if is_due else None
