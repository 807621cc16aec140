import pytest

from protocol.flags import Severity
from tests.judgement.stories import LAPTOP, SYSTEM, Moment, at, make_events, run_rule


def mismatch(s: float, kind: str = "slow", **data: object) -> Moment:
    given = {"stream": str(LAPTOP), "from": 5_000, "to": 47_000, "kind": kind} | data
    return at(s, "clock_mismatch", device=SYSTEM, **given)


@pytest.mark.parametrize(
    ("kind", "words"), [("slow", "ran too slowly"), ("fast", "ran too fast"), ("early", "leapt ahead")]
)
def test_a_mismatch_is_a_note_with_its_kind_and_length(kind: str, words: str) -> None:
    [found] = run_rule("client_clock", make_events(mismatch(60, kind)))
    assert (found.severity, found.numbers) == (Severity.NORMAL, {"for_s": 42.0})
    assert words in found.summary
    assert "42 s" in found.summary
    assert found.episode_key.startswith(f"{kind}:")


def test_each_mismatch_is_a_note_up_to_the_limit() -> None:
    assert len(run_rule("client_clock", make_events(*(mismatch(60 * n) for n in range(9))))) == 5
    assert len(run_rule("client_clock", make_events(*(mismatch(60 * n) for n in range(9))), most=2)) == 2


def test_a_payload_that_does_not_fit_is_ignored() -> None:
    assert run_rule("client_clock", make_events(mismatch(1, "upside_down"), mismatch(2, **{"from": "x"}))) == []
