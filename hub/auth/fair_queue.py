"""A bounded queue that is fair between lanes: it takes one item of each lane in turn.

Pure. A lane is a network address, or a device that is known from earlier sign-ins. Every second turn belongs to known
devices while one of them waits, so a known device is soon served, however many addresses wait. An abandoned item can be
removed. One lane must never use more than its share of the queue.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Lane(msgspec.Struct, frozen=True):
    """Where a request comes from: the network of an address, or a known device."""

    key: str
    is_known: bool = False


class Shares(msgspec.Struct, frozen=True):
    """How many items may wait or run: of one lane, of all addresses together, and of all known devices together."""

    per_lane: int = 4
    strangers: int = 160
    known: int = 40


class FairQueue(Generic[T]):
    """Items in lanes. An item counts from `put` until `finish` or `remove`."""

    def __init__(self, shares: Shares | None = None) -> None:
        self._shares = shares or Shares()
        self._waiting: dict[bool, OrderedDict[Lane, deque[T]]] = {False: OrderedDict(), True: OrderedDict()}
        self._held: dict[Lane, int] = {}
        self._totals = {False: 0, True: 0}
        self._known_is_next = True

    def __len__(self) -> int:
        return sum(self._totals.values())

    def put(self, lane: Lane, item: T) -> bool:
        """Add an item. Returns False, and adds nothing, when its lane or its share of the queue is full."""
        total = self._shares.known if lane.is_known else self._shares.strangers
        if self._held.get(lane, 0) >= self._shares.per_lane or self._totals[lane.is_known] >= total:
            return False
        self._held[lane] = self._held.get(lane, 0) + 1
        self._totals[lane.is_known] += 1
        self._waiting[lane.is_known].setdefault(lane, deque()).append(item)
        return True

    def take(self) -> tuple[Lane, T] | None:
        """Return the next item, which now runs; None when no item waits."""
        kind = self._known_is_next if self._waiting[self._known_is_next] else not self._known_is_next
        lanes = self._waiting[kind]
        if not lanes:
            return None
        self._known_is_next = not kind
        lane, items = lanes.popitem(last=False)
        item = items.popleft()
        if items:
            lanes[lane] = items  # at the end: the other lanes come first
        return lane, item

    def remove(self, lane: Lane, item: T) -> bool:
        """Remove a waiting item. Returns False if it does not wait: it runs already, or has finished."""
        items = self._waiting[lane.is_known].get(lane)
        if items is None or item not in items:
            return False
        items.remove(item)
        if not items:
            del self._waiting[lane.is_known][lane]
        self.finish(lane)
        return True

    def finish(self, lane: Lane) -> None:
        """Free the place of an item that has run."""
        self._totals[lane.is_known] -= 1
        self._held[lane] -= 1
        if not self._held[lane]:
            del self._held[lane]
