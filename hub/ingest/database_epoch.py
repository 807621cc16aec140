"""Which history PostgreSQL tells: what sessions saw committed in one is not there in another, and is never stored on.

Never here: a connection, a query. Writers say what a new connection told them, and ask whether it still holds.
"""

from collections.abc import Callable

import structlog

from hub import metrics

log = structlog.get_logger(__name__)


class EpochChanged(Exception):
    """PostgreSQL tells another history than the one these batches were taken for."""


class DatabaseEpoch:
    """Which history the writers of one process store into; a failover or a restore begins another."""

    def __init__(self, on_rewind: Callable[[], None]) -> None:
        self._on_rewind = on_rewind
        self._epoch: str | None = None
        self.rewinds = 0

    def see(self, epoch: str) -> None:
        """Take what a new connection says; every session is told when it is not what the others said."""
        if self._epoch is not None and epoch != self._epoch:
            log.error("another history", before=self._epoch, now=epoch)
            metrics.REWINDS.inc()
            self.rewinds += 1
            self._epoch = epoch
            self._on_rewind()
        self._epoch = epoch

    def hold(self, rewinds: int) -> None:
        """Raises Rewound unless the history is still the one it was after so many rewinds."""
        if self.rewinds != rewinds:
            raise EpochChanged
