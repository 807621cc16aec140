"""The parts have their own tests. Here: that they are combined, and that unknown figures give no label."""

from hypothesis import given
from hypothesis import strategies as st

from judgement.score.conclusion import Conclusion, ConclusionInput, conclude
from judgement.score.momentum import Momentum
from protocol.analysis import DropoutLabel, Score, Trend
from protocol.flags import FlagSource, FlagStatus, JudgedFlag, Severity

NO_PROGRESS = Momentum(lmi=0.0, pairs=5)

flags = st.lists(
    st.builds(
        JudgedFlag,
        st.sampled_from(["left_page", "left_then_pasted"]),
        st.sampled_from(FlagSource),
        st.sampled_from(Severity),
        st.floats(0, 1),
        st.sampled_from(FlagStatus),
    ),
    max_size=5,
)


def judged(*flags: JudgedFlag, integrity: float | None = 0.2, momentum: Momentum = NO_PROGRESS) -> Conclusion:
    return conclude(ConclusionInput(score=Score(integrity, 0.9), flags=flags, momentum=momentum))


def flag(
    status: FlagStatus, source: FlagSource = FlagSource.RULE, severity: Severity = Severity.CRITICAL
) -> JudgedFlag:
    return JudgedFlag("left_then_pasted", source, severity, 0.9, status)


def test_a_confirmed_flag_makes_it_copy_and_an_open_one_does_not() -> None:
    assert judged(flag(FlagStatus.OPEN)).label is DropoutLabel.NO_INTEREST
    assert judged(flag(FlagStatus.CONFIRMED)).label is DropoutLabel.COPY
    assert judged(flag(FlagStatus.CONFIRMED, FlagSource.TEACHER)).label is DropoutLabel.COPY


def test_a_model_s_or_a_service_s_flag_or_a_note_never_makes_it_copy() -> None:
    for source in (FlagSource.LLM, FlagSource.SERVICE):
        found = judged(flag(FlagStatus.CONFIRMED, source))
        assert (found.label, found.needs_attention) == (DropoutLabel.NO_INTEREST, False)
    assert judged(flag(FlagStatus.CONFIRMED, severity=Severity.NORMAL)).label is DropoutLabel.NO_INTEREST


def test_a_critical_flag_requires_attention_until_it_is_dismissed() -> None:
    assert judged(flag(FlagStatus.OPEN), integrity=0.9, momentum=Momentum()).needs_attention
    assert not judged(flag(FlagStatus.DISMISSED), integrity=0.9, momentum=Momentum()).needs_attention


@given(flags, st.none() | st.floats(0, 1), st.sampled_from([Momentum(), NO_PROGRESS]))
def test_unknown_figures_give_no_label(raised: list[JudgedFlag], integrity: float | None, momentum: Momentum) -> None:
    found = judged(*raised, integrity=integrity, momentum=momentum)
    assert (found.label is None) == (integrity is None or momentum.lmi is None)
    assert (found.confidence is None) == (found.label is None)


@given(flags)
def test_a_flag_that_does_not_count_changes_no_figure(raised: list[JudgedFlag]) -> None:
    found, without = judged(*raised), judged(*(flag for flag in raised if flag.is_counted))
    assert (found.label, found.needs_attention, found.needs_recap) == (
        without.label,
        without.needs_attention,
        without.needs_recap,
    )


def test_lmi_and_trend_are_those_of_the_momentum() -> None:
    found = judged(momentum=Momentum(lmi=62.5, trend=Trend.UP, pairs=8, progressed=5))
    assert (found.lmi, found.trend) == (62.5, Trend.UP)
