"""Absence from the page: which event begins it and which ends it. It raises no findings.

A blurred window and a hidden tab from one switch are one absence. It begins with the first of them and ends with the
first sign of return. It belongs to the device (the stream) that reported it: events of another device or of a server
neither prolong nor end it. If another device reports leaving, its absence replaces this one.
"""

from typing import Annotated, Final

import msgspec

from judgement.rule import EventRef
from protocol.events import StoredEvent

LEAVING: Final = frozenset({"window_blur", "tab_hidden"})
RETURNING: Final = frozenset({"window_focus", "tab_visible"})

FlickerMs = Annotated[
    int,
    msgspec.Meta(ge=0, le=2_000, description="ms; an absence no longer than this is flicker of the focus, not a leave"),
]


def track_absence(away: EventRef | None, event: StoredEvent) -> EventRef | None:
    """Return the absence after `event`, given the one before: a reference to the event that began it, or None."""
    if event.type in LEAVING:
        return away if is_same_device(away, event) else EventRef.of(event)
    if event.type in RETURNING and is_same_device(away, event):
        return None
    return away


def is_same_device(ref: EventRef | None, event: StoredEvent) -> bool:
    """Return whether `event` comes from the same device as `ref`."""
    return ref is not None and ref.stream_id == event.stream_id
