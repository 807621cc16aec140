from uuid import uuid4

from db.queries.review.flags import FlagCase, FlagRecord, ReviewRecord, StudentName
from hub.rest.teacher.flag_views import FlagEvidence, show_case, show_flag
from protocol.flags import Evidence, FlagSource, FlagStatus, Severity

RECORD = FlagRecord(
    flag_id=uuid4(),
    attempt_id=uuid4(),
    student=StudentName(uuid4(), "Ada Example"),
    exam_id=uuid4(),
    source=FlagSource.RULE,
    rule="left_page",
    severity=Severity.WARNING,
    confidence=0.8,
    summary="Away from the page for at least 21.0 s (limit 20 s).",
    status=FlagStatus.DISMISSED,
    raised_at=1_000,
    reviewed_by="Grace Example",
    reason="The permitted formula sheet.",
)
CASE = FlagCase(
    record=RECORD,
    rule_version=2,
    policy_version=3,
    evidence=Evidence({"away_s": 21.0}, [(uuid4(), 7)], []),
    reviews=[
        ReviewRecord(
            by="Grace Example", at=2_000, before=FlagStatus.OPEN, after=FlagStatus.DISMISSED, reason="A formula sheet."
        )
    ],
)


def test_a_flag_has_the_name_of_its_rule_and_every_stored_field() -> None:
    shown = show_flag(RECORD)
    assert {name: getattr(shown, name) for name in RECORD.__struct_fields__} == {
        name: getattr(RECORD, name) for name in RECORD.__struct_fields__
    }
    assert shown.rule_name
    assert shown.rule_name != RECORD.rule


def test_a_flag_has_its_evidence_its_decisions_and_its_known_false_alarms() -> None:
    shown = show_case(CASE)
    assert (shown.rule_version, shown.policy_version, shown.numbers) == (2, 3, {"away_s": 21.0})
    assert shown.evidence == FlagEvidence(CASE.evidence.cited, [])
    assert shown.reviews == CASE.reviews
    assert shown.false_alarms


def test_the_name_of_an_unknown_rule_is_its_id_in_words() -> None:
    record = FlagRecord(**{name: getattr(RECORD, name) for name in RECORD.__struct_fields__} | {"rule": "old_rule"})
    assert show_flag(record).rule_name == "old rule"
