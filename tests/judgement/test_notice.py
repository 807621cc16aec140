"""The notice says what is on, and its version follows its content."""

import doctest
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement import notice
from judgement.notice import Keeping, ModelPlace, Notice, compute_version, write_notice
from judgement.policy import preset, write_policy
from protocol.text import captures

KEEPING = Keeping(events=90, reviews=180, answers=365, addresses=60, practice=7)
BROWSER, CAMERA = (write_policy(preset(name)) for name in ("browser", "camera"))


def write(policy: dict[str, Any] | None = None, *, monitored: bool = True, **more: Any) -> Notice:
    return write_notice(policy or BROWSER, monitored=monitored, **{"keeping": KEEPING, **more})


def test_the_notice_mentions_the_camera_if_the_policy_uses_one() -> None:
    assert write(CAMERA).recorded == [*write().recorded, *(capture.text for capture in captures.CAMERA)]
    assert write(CAMERA, monitored=False).recorded == write(monitored=False).recorded


def test_it_names_key_combinations_the_context_menu_and_page_errors() -> None:
    text = " ".join(write().recorded)
    for words in (*captures.COMBINATION_WORDS.values(), "context menu", "Errors of the exam page"):
        assert words in text


def test_it_says_how_long_what_is_kept() -> None:
    kept = " ".join(write().kept)
    for days in ("90 days", "180 days", "365 days", "60 days"):
        assert days in kept
    assert write().kept_days == 90
    assert write(practice=True).kept_days == 7
    assert "deleted 7 days after you finish" in write(practice=True).kept[0]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (ModelPlace("127.0.0.1"), "on a server of this installation"),
        (ModelPlace("api.example.com", is_local=False), "runs at api.example.com"),
        (ModelPlace(), "No model is set up"),
    ],
)
def test_it_says_where_a_model_runs_if_the_exam_allows_one(model: ModelPlace, words: str) -> None:
    assert words in write(model=model).shared[0]
    assert write().shared == []


def test_it_says_what_the_student_can_do() -> None:
    assert any("download" in right for right in write().rights)
    assert any("erase" in right for right in write().rights)


@pytest.mark.parametrize("field", ["recorded", "who_sees", "kept_days", "kept", "shared", "rights"])
def test_any_change_is_a_new_version(field: str) -> None:
    before = write()
    value = getattr(before, field)
    changed = value + 1 if isinstance(value, int) else value + "." if isinstance(value, str) else [*value, "More."]
    assert compute_version(msgspec.structs.replace(before, **{field: changed})) != before.version


@given(st.integers(1, 400), st.booleans(), st.booleans())
def test_the_same_content_is_the_same_version_and_fits_into_a_browser(
    days: int, monitored: bool, practice: bool
) -> None:
    keeping = msgspec.structs.replace(KEEPING, events=days)
    first = write(monitored=monitored, practice=practice, keeping=keeping)
    assert first == write(monitored=monitored, practice=practice, keeping=keeping)
    assert 1 <= first.version <= 2**53


def test_the_examples_in_the_docstrings_hold() -> None:
    results = doctest.testmod(notice)
    assert results.attempted > 0
    assert results.failed == 0
