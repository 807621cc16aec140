"""Being away from the page: what begins it, what ends it, and on whose word. It concludes nothing.

A blurred window and a hidden tab of one switch are one absence. It begins with the first of them and ends with the
first sign of return. It belongs to the device (the stream) that reported it: no other device's facts, and no server's,
prolong or end it. When another device reports leaving, that absence takes its place.
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
    """Tell who is away after `event`, given who was: the mark of the fact that began the absence, or None."""
    if event.type in LEAVING:
        return away if is_same_device(away, event) else EventRef.of(event)
    if event.type in RETURNING and is_same_device(away, event):
        return None
    return away


def is_same_device(mark: EventRef | None, event: StoredEvent) -> bool:
    """Tell whether `event` is the word of the device that made `mark`."""
    return mark is not None and mark.stream_id == event.stream_id
