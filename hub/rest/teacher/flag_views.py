"""The structures in which flags are shown to reviewers. This module must never leave out or change what is stored."""

from typing import Any
from uuid import UUID

import msgspec

from db.queries.review.flags import FlagCase, FlagRecord, ReviewRecord
from judgement.rules import describe
from protocol.flags import Citation


class FlagSummary(FlagRecord, frozen=True, kw_only=True):
    """One flag, with the name of its rule."""

    rule_name: str


class FlagEvidence(msgspec.Struct, frozen=True):
    """The position of every cited event, `[stream_id, seq]`, and copies of the first events."""

    cited: list[tuple[UUID, int]]
    events: list[Citation]


class FlagView(FlagSummary, frozen=True, kw_only=True):
    """One flag with its evidence: the numbers of its summary, the events it cites, and all decisions about it.

    `false_alarms` describes honest behavior that looks the same.
    """

    rule_version: int
    policy_version: int
    numbers: dict[str, float]
    evidence: FlagEvidence
    reviews: list[ReviewRecord]
    false_alarms: str


def show_flag(record: FlagRecord) -> FlagSummary:
    """Return a flag with the name of its rule."""
    return FlagSummary(rule_name=describe(record.rule).name, **_fields(record))


def show_case(case: FlagCase) -> FlagView:
    """Return a flag with its evidence."""
    rule = describe(case.record.rule)
    return FlagView(
        rule_name=rule.name,
        rule_version=case.rule_version,
        policy_version=case.policy_version,
        numbers=case.evidence.numbers,
        evidence=FlagEvidence(case.evidence.cited, case.evidence.events),
        reviews=case.reviews,
        false_alarms=rule.false_alarms,
        **_fields(case.record),
    )


def _fields(record: FlagRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}
