"""Notices a failover or a restore: the database epoch changes, and events that were committed before may be gone.

Holds no connection and runs no query. Writers report the epoch of each new connection and check it before they commit.
"""

from collections.abc import Callable

import structlog

from hub import metrics

log = structlog.get_logger(__name__)


class EpochChanged(Exception):
    """The database epoch is not the one these batches were taken in."""


class DatabaseEpoch:
    """The epoch that the writers of one process store into; `on_change` is called when it changes."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._epoch: str | None = None
        self.changes = 0

    def observe(self, epoch: str) -> None:
        """Take the epoch of a new connection."""
        if self._epoch is not None and epoch != self._epoch:
            log.error("database epoch changed", before=self._epoch, now=epoch)
            metrics.EPOCH_CHANGES.inc()
            self.changes += 1
            self._epoch = epoch
            self._on_change()
        self._epoch = epoch

    def check(self, changes: int) -> None:
        """Raise EpochChanged unless the count of `changes` is still this one."""
        if self.changes != changes:
            raise EpochChanged
