import doctest
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.score import momentum as module
from judgement.score.momentum import PROGRESS_CHARS, Momentum, compute_momentum, count_new
from protocol.analysis import Draft, PastedText, Trend

TYPED = "The more I practise, the luckier I get. "

texts = st.text(alphabet="ab \u00e5", max_size=40)
drafts = st.lists(st.builds(Draft, st.sampled_from(["q1", "q2"]), texts, st.integers(0, 50)), max_size=10)
pastes = st.lists(
    st.builds(PastedText, st.sampled_from(["q1", "q2", None]), st.integers(0, 30), st.integers(0, 50)), max_size=6
)


def saved(*texts: str, item: str = "q1") -> list[Draft]:
    return [Draft(item, text, 10 * n) for n, text in enumerate(texts)]


def growing(count: int) -> list[str]:
    return [TYPED * n for n in range(1, count + 1)]


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(module) == doctest.TestResults(0, 6)


def test_the_example_in_the_docs_holds() -> None:
    begun, typed = "Force is mass and speed.", "Force is mass and speed. It is measured in newtons."
    revised = "Force is mass times acceleration. It is measured in newtons."
    pasted = revised + " " + "x" * 299
    assert [count_new(*pair) for pair in ((begun, typed), (typed, revised), (revised, pasted))] == [27, 15, 300]
    found = compute_momentum(saved(begun, typed, revised, pasted), [PastedText("q1", 300, 25)])
    assert found.lmi == pytest.approx(66.67, abs=0.01)
    assert found == Momentum(lmi=found.lmi, trend=None, pairs=3, progressed=2, pasted=1)


@pytest.mark.parametrize("drafts", [[], saved("one"), saved("one", "one"), [*saved("a"), *saved("b", item="q2")]])
def test_fewer_than_two_drafts_have_no_lmi(drafts: list[Draft]) -> None:
    assert compute_momentum(drafts) == Momentum()


def test_typing_is_progress_and_pasting_is_not() -> None:
    assert compute_momentum(saved(*growing(5))).lmi == 100
    pasted = [PastedText("q1", len(TYPED), 10 * n - 1) for n in range(1, 5)]
    assert compute_momentum(saved(*growing(5)), pasted).lmi == 0


def test_typing_beside_a_paste_is_progress_from_ten_characters_on() -> None:
    paste = [PastedText("q1", 100, 5)]
    assert compute_momentum(saved("", "x" * 100 + "y" * (PROGRESS_CHARS - 1)), paste).lmi == 0
    assert compute_momentum(saved("", "x" * 100 + "y" * PROGRESS_CHARS), paste).lmi == 100


def test_a_paste_counts_for_its_item_and_for_the_two_drafts_around_it() -> None:
    drafts = saved("", TYPED, TYPED * 2)
    assert compute_momentum(drafts, [PastedText("q2", 100, 5)]).lmi == 100
    assert compute_momentum(drafts, [PastedText(None, 100, 5)]).lmi == 50
    assert compute_momentum(drafts, [PastedText("q1", 100, 15)]).lmi == 50


def test_revising_is_progress_and_deleting_alone_is_not() -> None:
    assert compute_momentum(saved("I think that this is so.", "It follows from the law.")).lmi == 100
    assert compute_momentum(saved(TYPED * 3, TYPED)).lmi == 0


def test_a_few_characters_are_not_progress() -> None:
    assert compute_momentum(saved("Force is mass", "Force is a mass")).lmi == 0


def test_a_repeated_draft_is_not_counted() -> None:
    assert compute_momentum(saved(TYPED, TYPED, TYPED, TYPED * 2)).pairs == 1


def test_the_trend_compares_the_later_half_with_the_earlier() -> None:
    unchanged = [TYPED * 3 + "." * n for n in range(5)]
    assert compute_momentum(saved(*growing(3))).trend is None
    assert compute_momentum(saved(*growing(5))).trend is Trend.STEADY
    assert compute_momentum(saved(*growing(3), *unchanged)).trend is Trend.DOWN
    assert compute_momentum(saved(*unchanged, *[TYPED * n for n in range(4, 8)])).trend is Trend.UP


@cache
def edit(before: str, after: str) -> int:
    """The definition: insertions and replacements cost one, deletions nothing."""
    if not before or not after:
        return len(after)
    replaced = edit(before[:-1], after[:-1]) + (before[-1] != after[-1])
    return min(replaced, edit(before[:-1], after), edit(before, after[:-1]) + 1)


@given(st.text(alphabet="abc\u00e5", max_size=12), st.text(alphabet="abc\u00e5", max_size=12))
def test_new_characters_are_the_edit_distance_without_deletions(before: str, after: str) -> None:
    assert count_new(before, after) == edit(before, after)


@given(drafts, pastes)
def test_an_lmi_is_a_share_of_the_pairs(drafts: list[Draft], pastes: list[PastedText]) -> None:
    found = compute_momentum(drafts, pastes)
    assert (found.lmi is None) == (found.pairs == 0)
    assert found.lmi is None or found.lmi == pytest.approx(100 * found.progressed / found.pairs)
    assert found.progressed + found.pasted <= found.pairs


@given(drafts, pastes, st.builds(PastedText, st.sampled_from(["q1", None]), st.integers(0, 60), st.integers(0, 50)))
def test_another_paste_never_raises_the_lmi(drafts: list[Draft], pastes: list[PastedText], more: PastedText) -> None:
    without, with_it = compute_momentum(drafts, pastes).lmi, compute_momentum(drafts, [*pastes, more]).lmi
    assert (without is None) == (with_it is None)
    assert without is None or with_it is None or with_it <= without


@given(drafts, pastes, st.randoms())
def test_neither_the_order_of_items_nor_of_pastes_matters(
    drafts: list[Draft], pastes: list[PastedText], random: Random
) -> None:
    mixed = list(pastes)
    random.shuffle(mixed)
    by_item = sorted(drafts, key=lambda draft: draft.item)
    assert compute_momentum(by_item, mixed) == compute_momentum(drafts, pastes)


def test_after_the_limit_of_work_only_the_numbers_of_characters_are_compared() -> None:
    shuffled = ["ab" * 20, "a" * 20 + "b" * 20]
    assert compute_momentum(saved(*shuffled)).progressed == 1
    assert compute_momentum(saved(*shuffled), work_max=0).progressed == 0
    assert compute_momentum(saved(*shuffled, TYPED), work_max=0).progressed == 1, (
        "other characters are new in any order"
    )
