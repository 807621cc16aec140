"""The limits of a console: times for hello, silence, stalls and sign-in, and the number of requests."""

import msgspec

from protocol.limits import HEARTBEAT_MS, HELLO_MS, SILENT_HEARTBEATS


class ConsoleLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of every console of a hub."""

    hello_s: float = HELLO_MS / 1000
    """How long a new socket may take to send its hello."""

    admit_s: float = 10.0
    """How long a hello may wait for PostgreSQL before its console has to connect again."""

    silent_s: float = SILENT_HEARTBEATS * HEARTBEAT_MS / 1000
    """How long a console may send nothing."""

    auth_grace_ms: int = 5_000
    """How long a console stays open after its sign-in has expired."""

    stall_s: float = 10.0
    """How long one frame may take to be sent: after that the console does not read."""

    flush_s: float = 1.0
    """How long replies may take to leave before a close."""

    consoles_per_user: int = 20
    """How many consoles of one user a hub serves at once. One more gets `error too_fast` and is closed with 4429."""

    requests: int = 100
    """How many requests of one console may wait."""

    check_s: float = 3.0
    """How often the hub checks in PostgreSQL that sign-ins and permissions of consoles are still valid."""
