from uuid import UUID

import msgspec
import pytest

from protocol.console import ROWS, Outcome, Presence, ScoreRow

ATTEMPT = UUID(int=1)


@pytest.mark.parametrize(
    ("integrity", "coverage", "is_empty"),
    [(None, None, True), (None, 0.3, False), (0.9, None, False), (0.9, 1.0, False)],
)
def test_a_score_row_is_empty_without_any_value(
    integrity: float | None, coverage: float | None, is_empty: bool
) -> None:
    assert ScoreRow(ATTEMPT, integrity, coverage).is_empty is is_empty


def test_every_kind_of_row_has_its_type() -> None:
    assert list(ROWS) == ["exam", "student", "attempt", "score", "flag", "instruction"]


def test_presence_is_an_array_on_the_wire() -> None:
    assert msgspec.json.encode(Presence(3, True, 17, 1_000)) == b"[3,true,17,1000]"


def test_an_outcome_leaves_out_what_is_not_set() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Outcome(attempt_id=ATTEMPT, ok=True))) == {
        "attempt_id": str(ATTEMPT),
        "ok": True,
    }
