"""Faults of peers and their networks: counted, and at most one info line a minute per kind.

An operator who is alerted by errors must not be called by bad Wi-Fi. Never used for a fault of ours.
"""

import logging
import time
from typing import Final, Literal

import structlog

from hub import metrics
from hub.server.log_limit import LogLimit

log = structlog.get_logger(__name__)

Kind = Literal["client_left", "text_not_utf8", "bad_request", "answer_not_read", "server_connection_lost"]

_LIMIT: Final = LogLimit()

LOST_WRITE: Final = "socket.send() raised exception."
"""asyncio's warning for each further write to a connection that is lost."""


def note(kind: Kind, **details: object) -> None:
    """Count one occasion, and log it unless one of its kind was logged within the last minute."""
    metrics.NETWORK_FAULTS.labels(kind=kind).inc()
    times = _LIMIT.note(kind, time.monotonic())
    if times is not None:
        log.info("network fault", kind=kind, times=times, **details)


class CountLostWrites(logging.Filter):
    """A filter for asyncio's logger: it logs each write to a peer that has just left, which a flood makes thousands."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Count a write to a lost peer instead of logging it."""
        if record.msg != LOST_WRITE:
            return True
        note("client_left")
        return False
