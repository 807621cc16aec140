"""What an exam consists of, as every program spells it: kinds of items, and what may be permitted to a teacher.

Nothing here says what an answer is worth.
"""

from enum import StrEnum

import msgspec


class ItemKind(StrEnum):
    """How an item is answered. All but `text` are graded from the answer key; `text` by a person."""

    CHOICE = "choice"
    MULTIPLE = "multiple"
    NUMBER = "number"
    TEXT = "text"


class Permission(StrEnum):
    """What a teacher who did not make an exam may be let do with it."""

    VIEW = "can_view"
    EDIT = "can_edit"
    INVIGILATE = "can_invigilate"
    REVIEW = "can_review"
    VIEW_ANALYTICS = "can_view_analytics"


class Marks(msgspec.Struct, frozen=True):
    """What an attempt's items come to, in points of `max_score`; null while one of them is not graded."""

    score: float | None
    max_score: float
    percentage: float | None
    passed: bool | None
