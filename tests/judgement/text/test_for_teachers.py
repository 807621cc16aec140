import doctest
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from judgement.rules import RULES
from judgement.score.momentum import Momentum
from judgement.text import for_teachers
from judgement.text.for_teachers import Sentence, Summary, rule_titles, summarize_for_teacher
from protocol.analysis import DropoutLabel
from protocol.flags import FlagSource, FlagStatus, JudgedFlag, Severity

any_flags = st.lists(
    st.builds(
        JudgedFlag,
        rule=st.sampled_from([*(rule.id for rule in RULES), "model", "unknown_rule"]),
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


def summarize(
    raised: list[JudgedFlag], integrity: float | None = 0.9, label: DropoutLabel | None = None, *, recap: bool = False
) -> Summary:
    momentum = Momentum(lmi=75.0, pairs=8, progressed=6, pasted=1)
    return summarize_for_teacher(
        raised, integrity=integrity, coverage=0.97, momentum=momentum, label=label, needs_recap=recap
    )


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(for_teachers) == doctest.TestResults(0, 5)


def test_a_teacher_reads_the_results_and_what_is_left_to_decide() -> None:
    flags = [
        flag(),
        flag(status=FlagStatus.CONFIRMED),
        flag("left_then_pasted", severity=Severity.CRITICAL, status=FlagStatus.DISMISSED),
        flag(severity=Severity.NORMAL),
        flag("model", source=FlagSource.LLM),
    ]
    assert summarize(flags, label=DropoutLabel.SAFE, recap=True) == Summary(
        "Observed 97 % of the time. Integrity 0.90 (good). 2 flags count: left the page (1 open, 1 confirmed). "
        "1 flag dismissed or withdrawn. 1 note that does not count. 1 advisory flag, not counted in the score. "
        "LMI 75: 6 of 8 drafts made progress, 1 only by pasting. Label safe: nothing unusual.",
        [
            Sentence("Review 2 flags without a decision."),
            Sentence("Repeat the topic with the student."),
        ],
        [Sentence("1 of 8 steps between drafts added text only by pasting.")],
    )


def test_a_summary_without_data_says_so() -> None:
    summary = summarize_for_teacher(
        [], integrity=None, coverage=None, momentum=Momentum(), label=None, needs_recap=False
    )
    assert summary.text.startswith(
        "Never observed. No integrity score: too little of the time was observed. No flags count."
    )
    assert summary.recommendations == [
        Sentence("Do not draw conclusions from periods without data. If it matters, talk to the student.")
    ]


@given(any_flags, st.randoms())
def test_the_order_of_flags_does_not_matter(flags: list[JudgedFlag], random: Random) -> None:
    mixed = list(flags)
    random.shuffle(mixed)
    assert summarize(mixed) == summarize(flags)


def test_every_rule_has_its_name() -> None:
    assert rule_titles() == {rule.id: rule.title for rule in RULES}
