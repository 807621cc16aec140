"""A second rulebook for tests, to run two rulebooks side by side."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from judgement.rule import Episode, EventRef, Rule, RuleSettings, RuleState
from judgement.rules import RULEBOOKS, Rulebook, left_page
from protocol.events import StoredEvent
from protocol.flags import Severity


class Settings(RuleSettings, frozen=True):
    """The number of copies that is reported."""

    chars: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5


class State(RuleState):
    """The number of copies."""

    copies: int = 0


def _count_copies(state: State, event: StoredEvent, settings: Settings) -> Sequence[Episode]:
    state.copies += 1
    return (
        Episode("copied", (EventRef.of(event),), {"copies": float(state.copies)}, 1.0, "Copied {copies:.0f} times."),
    )


def _never(
    state: left_page.LeftPageState, event: StoredEvent, settings: left_page.LeftPageSettings
) -> Sequence[Episode]:
    return ()


COPIED = Rule(
    id="copied",
    version=1,
    title="copied",
    severity=Severity.NORMAL,
    event_types=frozenset({"copy"}),
    settings=Settings,
    state=State,
    step=_count_copies,
)
LEFT_PAGE_2 = Rule(
    id="left_page",
    version=2,
    title="left the page",
    severity=Severity.WARNING,
    event_types=left_page.VERSIONS[1].event_types,
    settings=left_page.LeftPageSettings,
    state=left_page.LeftPageState,
    step=_never,
)

SECOND: Rulebook = (LEFT_PAGE_2, COPIED)
BOTH = {**RULEBOOKS, 9: SECOND}
"""The shipped rulebooks, and as number 9 one with a new rule and a `left_page` that never raises."""
