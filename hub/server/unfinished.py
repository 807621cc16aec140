"""The bytes of one process that belong to unfinished requests and messages. Pure: no socket, no clock.

Without a common limit, thousands of peers that send a little and then stop could use up the memory. When the limit is
reached, the oldest unfinished holder is evicted: an honest sender is done within seconds. Never evicts a finished one.
"""

from collections.abc import Callable
from typing import Final

UNFINISHED_BYTES: Final = 32 * 1024 * 1024


class UnfinishedBytes:
    """Counts bytes per holder, in the order in which the holders began."""

    def __init__(self, limit_bytes: int = UNFINISHED_BYTES) -> None:
        self._limit = limit_bytes
        self._held: dict[object, tuple[int, Callable[[], None]]] = {}
        self._finished: dict[object, int] = {}
        self.total = 0

    def hold(self, holder: object, size: int, evict: Callable[[], None]) -> None:
        """Count `size` bytes for an unfinished holder, and evict the oldest holders while the limit is exceeded.

        `evict` is called at most once; the holder then holds nothing, and must not come back. It may be the caller's.
        A finished holder begins again, with its next request.
        """
        before = self._held.get(holder)
        self.total += size - (self._finished.pop(holder, 0) if before is None else before[0])
        self._held[holder] = (size, evict)  # an existing key keeps its place
        while self.total > self._limit and self._held:
            oldest = next(iter(self._held))
            evict_oldest = self._held[oldest][1]
            self.release(oldest)
            evict_oldest()

    def finish(self, holder: object) -> None:
        """Keep counting the bytes of a holder whose request is complete; it can no longer be evicted."""
        held = self._held.pop(holder, None)
        if held is not None:
            self._finished[holder] = held[0]

    def release(self, holder: object) -> None:
        """Count a holder no longer, if it is counted."""
        held = self._held.pop(holder, None)
        self.total -= self._finished.pop(holder, 0) if held is None else held[0]
