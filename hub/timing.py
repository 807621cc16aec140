"""Intervals, deadlines and bounds of one hub that are not settings. Tests pass shorter ones; nothing waits here."""

from typing import Final

import msgspec

from hub.handshake import REFUSED_S
from hub.ingest.quotas import QuotaLimits
from hub.ingest.writer import FlushLimits
from hub.lease import RENEW_S
from hub.monitor.orphans import ORPHANS_S, SILENT_S, YOUNG_S
from hub.monitor.registry import POLL_S, TICK_S
from hub.monitor.times import SessionTimes


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, with the values of production."""

    session: SessionTimes = SessionTimes()
    flush: FlushLimits = FlushLimits()
    quotas: QuotaLimits = QuotaLimits()
    tick_s: float = TICK_S
    poll_s: float = POLL_S
    orphans_s: float = ORPHANS_S
    young_s: float = YOUNG_S
    silent_s: float = SILENT_S
    renew_s: float = RENEW_S

    refused_s: float = REFUSED_S
    open_s: float = 10.0
    """How long a hello may wait for PostgreSQL before its client must reconnect."""

    send_rest_s: float = 5.0
    """How long queued frames may still be sent before a close."""

    record_s: float = 2.0
    """How long a drained socket waits until its close is recorded; its client reconnects at once to another hub."""

    outbox_bytes: int = 256 * 1024
    """How many bytes of unsent frames one candidate's socket may hold."""


TIMING: Final = Timing()
