"""Deadlines and intervals of a candidate's session, in milliseconds. Tests pass shorter ones; nothing is timed here."""

import msgspec

from protocol import limits


class SessionTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The time limits of a session."""

    hello_ms: int = limits.HELLO_MS
    """From the handshake to the hello."""

    silence_ms: int = limits.SILENT_HEARTBEATS * limits.HEARTBEAT_MS
    """Without any frame the client counts as gone."""

    retry_ms: int = 250
    """Until a batch that the full ingest refused is offered again."""

    repeat_ms: int = 30_000
    """Without `done` an instruction is sent again."""

    retire_ms: int = 5_000
    """How long a retiring session waits until its batches are stored."""

    stream_ms: int = limits.STREAM_MS
    """How long a stream may be used; then the client gets `rotate`."""

    rotate_ms: int = 3_600_000
    """How long a client may stay after `rotate`. Then it is closed with 4505, and its next hello gets a new stream."""

    quiet_ms: int = 2_000
    """After the attempt's end: a client with everything acknowledged and no new events is closed with 4410."""

    linger_ms: int = 30_000
    """After so long it is closed as soon as everything is acknowledged; a new hello can bring later events."""
