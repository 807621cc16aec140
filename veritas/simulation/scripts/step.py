"""What a script is made of: steps, the timelines they are merged from, and the script itself. Pure and lazy.

A timeline is an iterator of moments in order of time, as long as the session or endless; nothing here looks at a clock.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from random import Random
from typing import Any

import msgspec


class Say(msgspec.Struct, frozen=True):
    """Record an event, `after_ms` after the step before."""

    after_ms: int
    type: str
    data: dict[str, Any] = {}


class Cut(msgspec.Struct, frozen=True):
    """Lose the network for a moment, `after_ms` after the step before."""

    after_ms: int


Step = Say | Cut


class Moment(msgspec.Struct, frozen=True):
    """Something that happens `at_ms` after the start: an event, or with no type a cut of the network."""

    at_ms: int
    type: str | None
    data: dict[str, Any] = {}


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One behaviour: what it does, the rules that must flag it, and that no other may.

    `needs_s` is the shortest session it fits into with all it does.
    """

    name: str
    summary: str
    must_raise: frozenset[str]
    needs_s: float
    steps: Callable[[Random, float], Iterator[Step]]


def play(seconds: float, *timelines: Iterable[Moment]) -> Iterator[Step]:
    """Merge timelines into the steps of a session of `seconds`."""
    before_ms = 0
    for moment in merge(*timelines, key=lambda moment: moment.at_ms):
        if moment.at_ms > seconds * 1000:
            return
        after_ms = moment.at_ms - before_ms
        before_ms = moment.at_ms
        yield Cut(after_ms) if moment.type is None else Say(after_ms, moment.type, moment.data)
