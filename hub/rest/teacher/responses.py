"""Flags as reviewers are shown them: as recorded, with the rule's plain name. Nothing is decided or left out here."""

from typing import Any
from uuid import UUID

import msgspec

from db.queries.review.flags import FlagCase, FlagRecord, ReviewRecord
from judgement.rules import describe
from protocol.flags import Citation


class FlagSummary(FlagRecord, frozen=True, kw_only=True):
    """One flag in a line, the rule by its plain name."""

    rule_name: str


class Ground(msgspec.Struct, frozen=True):
    """Every cited place, `[stream_id, seq]`, and copies of the first cited events."""

    cited: list[tuple[UUID, int]]
    events: list[Citation]


class FlagView(FlagSummary, frozen=True, kw_only=True):
    """One flag with its ground: the numbers its summary speaks of, the facts it cites, every decision about it.

    `false_alarms` says what honest people do that looks the same.
    """

    rule_version: int
    policy_version: int
    numbers: dict[str, float]
    evidence: Ground
    reviews: list[ReviewRecord]
    false_alarms: str


def show_flag(record: FlagRecord) -> FlagSummary:
    """Show a flag in a line."""
    return FlagSummary(rule_name=describe(record.rule).name, **_fields(record))


def show_case(case: FlagCase) -> FlagView:
    """Show a flag with its ground."""
    rule = describe(case.record.rule)
    return FlagView(
        rule_name=rule.name,
        rule_version=case.rule_version,
        policy_version=case.policy_version,
        numbers=case.evidence.numbers,
        evidence=Ground(case.evidence.cited, case.evidence.events),
        reviews=case.reviews,
        false_alarms=rule.false_alarms,
        **_fields(case.record),
    )


def _fields(record: FlagRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}
