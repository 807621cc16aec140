"""The notice about recording that a student reads before an exam, written from what is really on.

What is recorded comes from `protocol/text/captures.py`, the times from the settings, the rest from the exam. It records
nothing itself. Its version is computed from its content: a student acknowledges a text, and a change is a new version.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from judgement.policy import Preset
from protocol.text import captures

VERSION_BYTES: Final = 6
"""A version is a number that JSON and every browser can hold exactly."""

WHO_SEES: Final = (
    "Teachers with permission for this exam, and administrators. "
    "A human reviewer decides what the recorded events mean, never a program."
)
SIGN_IN: Final = "The network address and the browser of each sign-in are recorded and kept for {days} days."
HELD: Final = (
    "Nothing is deleted while a finding about you is not decided, or while it is needed, for example for an appeal."
)
RIGHTS: Final = (
    "You can download everything that is stored about you, on your page of exams.",
    "You can ask your school to correct it or to erase you.",
    "You see the findings about you once your teacher has decided them, and can object to your teacher.",
)
MODEL: Final = (
    "After the exam, findings, times and parts of your answers may be sent to a language model, which writes a summary "
    "for your teacher. Your name, username and e-mail are replaced before that. "
)
MODEL_LOCAL: Final = "The model runs on a server of this installation."
MODEL_HOSTED: Final = "The model runs at {host}."
MODEL_OFF: Final = "No model is set up at the moment."


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """How many days data are kept, in words of `db/retention/times.py`."""

    events: int
    reviews: int
    answers: int
    addresses: int
    practice: int


class ModelPlace(msgspec.Struct, frozen=True):
    """Where the language model runs: the host name, and whether it is local; no host when none is set up."""

    host: str | None = None
    is_local: bool = True


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What an exam records, who sees it, and for how many days events are kept after the grade is final.

    `kept` says what is kept for how long, `shared` who else gets data, `rights` what the student can do.
    """

    version: int
    recorded: list[str]
    who_sees: str
    kept_days: int
    kept: list[str] = []
    shared: list[str] = []
    rights: list[str] = []


def write_notice(
    policy: Mapping[str, Any],
    *,
    monitored: bool,
    keeping: Keeping,
    practice: bool = False,
    model: ModelPlace | None = None,
) -> Notice:
    """Write the notice of an exam with this policy. `model` is given when the exam allows a language model.

    >>> keeping = Keeping(events=90, reviews=180, answers=365, addresses=90, practice=7)
    >>> write_notice({"preset": "camera"}, monitored=True, keeping=keeping).recorded[-1][:40]
    'What a program on your device reports fr'
    >>> len(write_notice({"preset": "camera"}, monitored=False, keeping=keeping).recorded)
    5
    """
    monitoring = captures.MONITORED if monitored else ()
    camera = captures.CAMERA if monitored and policy.get("preset") == Preset.CAMERA else ()
    notice = Notice(
        version=0,
        recorded=[capture.text for capture in (*captures.ALWAYS, *monitoring, *camera)],
        who_sees=WHO_SEES,
        kept_days=keeping.practice if practice else keeping.events,
        kept=_describe_keeping(keeping, practice=practice),
        shared=[] if model is None else [MODEL + _describe_place(model)],
        rights=list(RIGHTS),
    )
    return msgspec.structs.replace(notice, version=compute_version(notice))


def compute_version(notice: Notice) -> int:
    """Compute the version of a notice from its content, without its version."""
    content = msgspec.json.encode(msgspec.structs.replace(notice, version=0), order="sorted")
    return int.from_bytes(hashlib.sha256(content).digest()[:VERSION_BYTES]) + 1


def _describe_keeping(keeping: Keeping, *, practice: bool) -> list[str]:
    sign_in = SIGN_IN.format(days=keeping.addresses)
    if practice:
        return [
            f"Everything about this practice exam is deleted {keeping.practice} days after you finish.",
            HELD,
            sign_in,
        ]
    return [
        f"Recorded events and earlier drafts: {keeping.events} days after your grade is final.",
        f"Findings with their reasons, messages and summaries: {keeping.reviews} days after your grade is final.",
        f"Your answers, also late ones: {keeping.answers} days after your grade is final. "
        "Your marks stay with your account.",
        HELD,
        sign_in,
    ]


def _describe_place(model: ModelPlace) -> str:
    if model.host is None:
        return MODEL_OFF
    return MODEL_LOCAL if model.is_local else MODEL_HOSTED.format(host=model.host)
