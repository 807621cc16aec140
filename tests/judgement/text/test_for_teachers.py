import doctest

from hypothesis import given
from hypothesis import strategies as st

from judgement.rules import RULES
from judgement.score.momentum import Momentum
from judgement.text import for_teachers
from judgement.text.for_teachers import Statement, Summary, rule_titles, summarize_for_teacher
from protocol.analysis import DropoutLabel
from protocol.flags import FlagSource, FlagStatus, JudgedFlag, Severity

flags = st.lists(
    st.builds(
        JudgedFlag,
        rule=st.sampled_from([*(rule.id for rule in RULES), "model", "unheard_of"]),
        source=st.sampled_from(FlagSource),
        severity=st.sampled_from(Severity),
        confidence=st.floats(0, 1),
        status=st.sampled_from(FlagStatus),
    ),
    max_size=8,
)


def flag(
    rule: str = "left_page",
    *,
    source: FlagSource = FlagSource.RULE,
    severity: Severity = Severity.WARNING,
    status: FlagStatus = FlagStatus.OPEN,
) -> JudgedFlag:
    return JudgedFlag(rule, source, severity, 0.8, status)


def tell(
    told: list[JudgedFlag], integrity: float | None = 0.9, label: DropoutLabel | None = None, *, recap: bool = False
) -> Summary:
    momentum = Momentum(lmi=75.0, pairs=8, progressed=6, pasted=1)
    return summarize_for_teacher(
        told, integrity=integrity, coverage=0.97, momentum=momentum, label=label, needs_recap=recap
    )


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(for_teachers) == doctest.TestResults(0, 5)


def test_a_teacher_reads_what_stands_and_what_is_left_to_a_person() -> None:
    told = [
        flag(),
        flag(status=FlagStatus.CONFIRMED),
        flag("left_then_pasted", severity=Severity.CRITICAL, status=FlagStatus.DISMISSED),
        flag(severity=Severity.NORMAL),
        flag("model", source=FlagSource.LLM),
    ]
    assert tell(told, label=DropoutLabel.SAFE, recap=True) == Summary(
        "Observed 97 % of the time. Integrity 0.90 (good). 2 flags stand: left the page (1 open, 1 confirmed). "
        "1 flag set aside. 1 note that weighs nothing. 1 advisory flag, not counted unless a person confirms it. "
        "LMI 75: 6 of 8 drafts went forward, 1 grew by pasting. Label safe: nothing stands out.",
        [
            Statement("Review 2 flags that nobody has decided about."),
            Statement("Go over the matter with the student again."),
        ],
        [Statement("1 of 8 steps between drafts grew by pasting alone.")],
    )


def test_what_was_not_seen_is_said() -> None:
    told = summarize_for_teacher([], integrity=None, coverage=None, momentum=Momentum(), label=None, needs_recap=False)
    assert told.text.startswith("Not observed at all. Not enough was seen for an integrity score. No flag stands.")
    assert told.recommendations == [
        Statement("Rest nothing on what was not seen; if it matters, talk with the student.")
    ]


@given(flags, st.randoms())
def test_the_order_of_flags_does_not_matter(told: list[JudgedFlag], random: object) -> None:
    mixed = list(told)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert tell(mixed) == tell(told)


def test_every_rule_has_its_name() -> None:
    assert rule_titles() == {rule.id: rule.title for rule in RULES}
