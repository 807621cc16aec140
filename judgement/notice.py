"""The notice about recording that a student reads before an exam: what is recorded, who sees it, and for how long.

It records nothing itself. Students acknowledge a version of it, so every change of its text needs a new `VERSION`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from judgement.policy import Preset

VERSION: Final = 2

KEPT_DAYS: Final = 90
"""How long events are kept after the grade is final."""

WHO_SEES: Final = (
    "Teachers with permission for this exam, and administrators. "
    "A human reviewer decides what the recorded events mean, never a program."
)

ALWAYS: Final = (
    "Your answers and drafts, each time they are saved.",
    "When you start and hand in the exam, and when your connection is lost and restored.",
)
MONITORED: Final = (
    "When you leave the exam window, the exam tab or fullscreen, and when you return.",
    "When you copy, cut or paste, and the number of characters. The content of your clipboard is not recorded.",
    "When you type, in which answer, and the number of characters. The keys are not recorded.",
    "The number of your screens, and changes of your network.",
)
CAMERA: Final = (
    "What a program on your device reports from camera and microphone: the number of faces, the direction of your "
    "gaze, visible objects, and whether there is speech. No images and no sound are recorded.",
)


class Notice(msgspec.Struct, frozen=True):
    """What an exam records, who sees it, and for how many days it is kept after the grade is final."""

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
    monitoring = MONITORED if monitored else ()
    camera = CAMERA if monitored and policy.get("preset") == Preset.CAMERA else ()
    return Notice(VERSION, [*ALWAYS, *monitoring, *camera], WHO_SEES, KEPT_DAYS)
