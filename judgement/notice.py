"""The notice: what is recorded of whoever sits an exam, in plain words, before they begin. Nothing is recorded here.

Its version is what a student acknowledges: another wording is another version.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from judgement.policy import Preset

VERSION: Final = 1

KEPT_DAYS: Final = 90
"""For how long events are kept once the grade is final."""

WHO_SEES: Final = (
    "The teachers of this exam, as far as each was permitted to, and the administrators. "
    "What it means is decided by a person, never by a program."
)

ALWAYS: Final = (
    "Your answers and drafts, each time they are saved.",
    "When you started and handed in, and when your connection was there and when it was not.",
)
MONITORED: Final = (
    "When you leave the exam's window or tab, or fullscreen, and when you come back.",
    "That you copy, cut or paste, and how many characters; not what was on your clipboard.",
    "That you type, into which answer, and how many characters; not which keys.",
    "How many screens there are, and when your network changes.",
)
CAMERA: Final = (
    "What a program on your machine concludes from camera and microphone: how many faces there are, where you look, "
    "which objects are seen, whether there is speech. No picture and no sound is recorded.",
)


class Notice(msgspec.Struct, frozen=True):
    """What is recorded of one exam, who sees it, and for how many days after the grade is final."""

    version: int
    recorded: list[str]
    who_sees: str
    kept_days: int


def write_notice(policy: Mapping[str, Any], *, monitored: bool) -> Notice:
    """Write the notice of an exam with this policy.

    >>> len(write_notice({"preset": "camera"}, monitored=True).recorded)
    7
    >>> write_notice({"preset": "camera"}, monitored=False).recorded == list(ALWAYS)
    True
    """
    watched = MONITORED if monitored else ()
    camera = CAMERA if monitored and policy.get("preset") == Preset.CAMERA else ()
    return Notice(VERSION, [*ALWAYS, *watched, *camera], WHO_SEES, KEPT_DAYS)
