"""A bounded queue that is fair between lanes: it takes one item of each lane in turn.

Pure. A lane is a network address, or a device that is known from earlier sign-ins. Every second turn belongs to known
devices while one of them waits, so a known device is soon served, however many addresses wait. A network may use all
places that no other network needs: when none is free, a network with few items gets a place of the one with most. An
abandoned item can be removed. Strangers must never use a place of known devices.
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
    """How many items may wait or run: of one known device, of all networks together, and of all known devices."""

    per_device: int = 4
    strangers: int = 200
    """About half a minute of work for two threads, so that a client still waits when it is its turn."""

    known: int = 40


class Queued(msgspec.Struct, Generic[T], frozen=True):
    """An item and its lane."""

    lane: Lane
    item: T


class FairQueue(Generic[T]):
    """Items in lanes. An item counts from `put` until `finish`, or until it is removed or displaced."""

    def __init__(self, shares: Shares | None = None) -> None:
        self._shares = shares or Shares()
        self._waiting: dict[bool, OrderedDict[Lane, deque[T]]] = {False: OrderedDict(), True: OrderedDict()}
        self._held: dict[Lane, int] = {}
        self._totals = {False: 0, True: 0}
        self._known_is_next = True

    def __len__(self) -> int:
        return sum(self._totals.values())

    def put(self, lane: Lane, item: T) -> Queued[T] | None:
        """Add an item. Returns the one that gets no place: None, the item itself, or one that waited until now.

        When no place is free for strangers, the network that holds most loses the item that came last, if the lane
        then still holds no more than that network. So two networks cannot displace each other in turn.
        """
        displaced = self._make_room(lane)
        if displaced is not None and displaced == lane:
            return Queued(lane, item)
        self._held[lane] = self._held.get(lane, 0) + 1
        self._totals[lane.is_known] += 1
        self._waiting[lane.is_known].setdefault(lane, deque()).append(item)
        return None if displaced is None else Queued(displaced, self._displace(displaced))

    def take(self) -> Queued[T] | None:
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
        return Queued(lane, item)

    def remove(self, lane: Lane, item: T) -> bool:
        """Remove a waiting item. Returns False if it does not wait: it runs already, or has finished."""
        items = self._waiting[lane.is_known].get(lane)
        if items is None or item not in items:
            return False
        items.remove(item)
        self._leave(lane, items)
        return True

    def finish(self, lane: Lane) -> None:
        """Free the place of an item that has run."""
        self._totals[lane.is_known] -= 1
        self._held[lane] -= 1
        if not self._held[lane]:
            del self._held[lane]

    def _make_room(self, lane: Lane) -> Lane | None:
        """Return the lane that loses an item if this lane adds one: None if a place is free, or the lane itself."""
        held = self._held.get(lane, 0)
        if lane.is_known:
            return None if held < self._shares.per_device and self._totals[True] < self._shares.known else lane
        if self._totals[False] < self._shares.strangers:
            return None
        greediest = max(self._waiting[False], key=lambda other: self._held[other], default=lane)
        return greediest if held + 1 < self._held.get(greediest, 0) else lane

    def _displace(self, lane: Lane) -> T:
        items = self._waiting[lane.is_known][lane]
        item = items.pop()
        self._leave(lane, items)
        return item

    def _leave(self, lane: Lane, items: deque[T]) -> None:
        if not items:
            del self._waiting[lane.is_known][lane]
        self.finish(lane)
