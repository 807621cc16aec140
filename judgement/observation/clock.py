"""A client's monotonic clock, compared with the times at which its events arrived (docs/scores.md).

Finds clocks that were stopped, slowed down or set ahead. Pure: it uses `mono` and the server's times, never the wall
clock `at` of a client. It says nothing about the reason, and raises no flags.

The *lag* of an event is its server time minus its rule time. An honest client's lag changes with the network: it grows
when events wait, and falls when the wait is over. While events flow, at least one event of half a minute arrives
promptly. A clock that runs too slowly makes even the smallest lag grow, and one that runs too fast makes events arrive
before they happened.
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

FLOW_MS: Final = 15_000
"""Events flow while the next one arrives within this time.

A longer gap may be a sleep or an outage: the lag may have grown by its length.
"""

WINDOW_MS: Final = 10_000
"""The length of the windows over which the smallest lag is taken. Only windows with events count."""

WINDOWS: Final = 3
"""So many successive windows above the limit show a slow clock, and so many without growth one that is right again."""

DRIFT: Final = 0.05
"""The smallest lag may grow by this share of the time."""

SLACK_MS: Final = 3_000
"""The smallest lag may be this much above the reference: a slower network is no slower clock."""

CALM_MS: Final = 1_000
"""After a breach, a window is calm when the smallest lag grew by no more than this, besides the drift."""

HELLO_MS: Final = 12_000
"""A hello may take this long to be processed. Then all events of its stream seem that much early."""

SLEEP_MS: Final = 4_000
"""Events at least this far apart may have a short sleep of the computer between them, which stops its clock."""

SLEEP_EVERY_MS: Final = 300_000
"""One such sleep is accepted in this time."""


class ClockFault(StrEnum):
    """What is wrong with a clock: `kind` of the event `clock_mismatch`."""

    SLOW = "slow"
    """It runs more slowly than the server's clock, or not at all."""

    FAST = "fast"
    """It runs faster: in time, events arrive before they happened."""

    EARLY = "early"
    """It leapt ahead: an event arrived long before it happened."""


class ClockBreach(msgspec.Struct, frozen=True):
    """A clock that was wrong, when that was noticed: from one server time to another, both in ms."""

    stream_id: UUID
    from_ms: int
    to_ms: int
    kind: ClockFault


class StreamClock(msgspec.Struct, array_like=True):
    """The clock of one stream, as its events show it. All times are server times in ms; a lag is in ms too.

    `reference` is the lag that a right clock may have, as of `reference_ms`; None until the first window after a gap
    has closed. `right_ms` begins the last window in which the clock was right. `floor` is the smallest lag in the first
    window of the stream, but not above 0; before `has_floor` it is the least that a slow hello allows. `step` is the
    largest growth between two events since the clock was right, and `window_step` that of the current window.

    `over` counts the successive windows above the limit, `calm` those without growth during a slow fault. `slept_ms` is
    the window in which a short sleep was accepted last. `is_early`: an event of this window came before it happened.

    `begun_ms` is when the stream's first event arrived. `is_unchecked`: no window of it was right yet, besides the
    first one, which only gives the reference.
    """

    last_ms: int
    lag: int
    window_ms: int
    window_lag: int
    reference: int | None = None
    reference_ms: int = 0
    right_ms: int = 0
    over: int = 0
    calm: int = 0
    fault: ClockFault | None = None
    floor: int = -HELLO_MS
    has_floor: bool = False
    step: int = 0
    window_step: int = 0
    slept_ms: int = 0
    is_early: bool = False
    begun_ms: int = 0
    is_unchecked: bool = False


def begin_clock(server_ms: int, lag: int, before: StreamClock | None = None) -> StreamClock:
    """Return the clock before the first event of a stream, which arrives now with this lag.

    `before` is the clock of the stream before it: what it had above the limit counts on.
    """
    over = 0 if before is None else before.over
    return StreamClock(
        server_ms, lag, server_ms, lag, right_ms=server_ms, over=over, begun_ms=server_ms, is_unchecked=True
    )


def follow_clock(clock: StreamClock, server_ms: int, lag: int) -> ClockFault | None:
    """Take the next event of the stream into `clock`, in place; return the fault that it shows, if it is a new one.

    The fault lasts while `clock.fault` is not None. It began at `clock.right_ms`.
    """
    server_ms = max(server_ms, clock.last_ms)
    gap = server_ms - clock.last_ms
    grown = lag - clock.lag
    clock.last_ms = server_ms
    clock.lag = lag
    if gap > FLOW_MS:
        _pass_gap(clock, server_ms, gap)
        _begin_window(clock, server_ms, lag)
        found = None
    else:
        found = None
        if server_ms - clock.window_ms >= WINDOW_MS:
            found = _close_window(clock)
            _begin_window(clock, server_ms - (server_ms - clock.window_ms) % WINDOW_MS, lag)
        elif lag < clock.window_lag:
            clock.window_lag = lag
        if gap >= SLEEP_MS and grown > clock.window_step:
            clock.window_step = grown
    if lag < clock.floor - SLACK_MS:
        return _note_early(clock, grown) or found
    return found


def _pass_gap(clock: StreamClock, server_ms: int, gap: int) -> None:
    """Allow for a sleep of the whole gap, and for no more: a clock that is stopped in between is not forgotten."""
    if clock.reference is None:
        clock.reference, clock.reference_ms = clock.window_lag, clock.window_ms
    clock.reference += gap + int(DRIFT * (server_ms - gap - clock.reference_ms))
    clock.reference_ms = server_ms
    if clock.fault is not None or not clock.over:
        clock.over = 0
        clock.right_ms = server_ms
    clock.calm, clock.step = 0, 0
    clock.fault = None
    clock.is_early = False


def _begin_window(clock: StreamClock, server_ms: int, lag: int) -> None:
    clock.window_ms, clock.window_lag, clock.window_step = server_ms, lag, 0


def _note_early(clock: StreamClock, grown: int) -> ClockFault | None:
    """Note an event that arrived before it happened."""
    clock.is_early = True
    if clock.fault in (ClockFault.FAST, ClockFault.EARLY):
        return None
    clock.fault = ClockFault.EARLY if grown < -SLACK_MS or not clock.has_floor else ClockFault.FAST
    return clock.fault


def _close_window(clock: StreamClock) -> ClockFault | None:
    """Judge the window that ends now."""
    if not clock.has_floor:
        clock.floor, clock.has_floor = min(max(clock.window_lag, -HELLO_MS), 0), True
    if clock.fault in (ClockFault.FAST, ClockFault.EARLY):
        _judge_early(clock)
        return None
    if clock.reference is None:
        over = clock.over
        _accept(clock, clock.window_lag)
        clock.over = over
        return None
    allowed = clock.reference + int(DRIFT * (clock.window_ms - clock.reference_ms))
    if clock.fault is ClockFault.SLOW:
        is_calm = clock.window_lag <= allowed + CALM_MS
        clock.calm = clock.calm + 1 if is_calm else 0
        clock.reference, clock.reference_ms = clock.window_lag, clock.window_ms
        if clock.calm >= WINDOWS:
            clock.fault = None
            _accept(clock, clock.window_lag)
        return None
    if clock.window_lag <= allowed + SLACK_MS:
        clock.is_unchecked = False
        _accept(clock, min(clock.window_lag, allowed))
        return None
    clock.over += 1
    clock.step = max(clock.step, clock.window_step)
    if clock.over < WINDOWS:
        return None
    is_sleep = clock.window_lag - clock.step <= allowed + SLACK_MS
    if is_sleep and clock.window_ms - clock.slept_ms >= SLEEP_EVERY_MS:
        clock.slept_ms = clock.window_ms
        _accept(clock, clock.window_lag)
        return None
    clock.fault, clock.calm = ClockFault.SLOW, 0
    clock.reference, clock.reference_ms = clock.window_lag, clock.window_ms
    return clock.fault


def _judge_early(clock: StreamClock) -> None:
    """End the fault after a window in which no event was early."""
    if not clock.is_early:
        clock.fault = None
        _accept(clock, clock.window_lag)
    clock.is_early = False


def _accept(clock: StreamClock, reference: int) -> None:
    """Note that the clock was right in the window that ends now."""
    clock.reference, clock.reference_ms = reference, clock.window_ms
    clock.right_ms = clock.window_ms
    clock.over = 0
    clock.step = clock.window_step
