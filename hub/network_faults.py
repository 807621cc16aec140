"""Faults of peers and their networks: counted, and at most one info line a minute per kind.

An operator who is alerted by errors must not be called by bad Wi-Fi. Never used for a fault of ours.
"""

import time
from typing import Final, Literal

import structlog

from hub import metrics
from hub.log_limit import LogLimit

log = structlog.get_logger(__name__)

Kind = Literal["client_left", "text_not_utf8", "bad_request", "answer_not_read", "server_connection_lost"]

_LIMIT: Final = LogLimit()


def note(kind: Kind, **details: object) -> None:
    """Count one occasion, and log it unless one of its kind was logged within the last minute."""
    metrics.NETWORK_FAULTS.labels(kind=kind).inc()
    times = _LIMIT.note(kind, time.monotonic())
    if times is not None:
        log.info("network fault", kind=kind, times=times, **details)
