"""Parts of a script: steps, the timelines that are merged into steps, and the script itself. Pure and lazy.

A timeline is an iterator of moments in order of time; it may be endless. Nothing here uses a clock.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from random import Random
from typing import Any

import msgspec


class RecordEvent(msgspec.Struct, frozen=True):
    """Record an event `after_ms` after the previous step."""

    after_ms: int
    type: str
    data: dict[str, Any] = {}


class LoseNetwork(msgspec.Struct, frozen=True):
    """Lose the network for a moment, `after_ms` after the previous step."""

    after_ms: int


Step = RecordEvent | LoseNetwork


class Moment(msgspec.Struct, frozen=True):
    """An event `at_ms` after the start. Without a type: the network is lost."""

    at_ms: int
    type: str | None
    data: dict[str, Any] = {}


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One behavior and the rules that must flag it; no other rule may.

    `needs_s` is the shortest session in which the whole script fits.
    """

    name: str
    summary: str
    must_raise: frozenset[str]
    needs_s: float
    steps: Callable[[Random, float], Iterator[Step]]


def play(seconds: float, *timelines: Iterable[Moment]) -> Iterator[Step]:
    """Merge timelines into the steps of a session that lasts `seconds`."""
    before_ms = 0
    for moment in merge(*timelines, key=lambda moment: moment.at_ms):
        if moment.at_ms > seconds * 1000:
            return
        after_ms = moment.at_ms - before_ms
        before_ms = moment.at_ms
        yield LoseNetwork(after_ms) if moment.type is None else RecordEvent(after_ms, moment.type, moment.data)
