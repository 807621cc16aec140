"""Test how a typed number is read: by the cases that the exam page shares, in all digits, and by properties."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.numbers import NUMBER_CHARS, Reading, read_number

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/numbers.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["numbers"], ids=lambda case: case["text"])
def test_a_number_is_read_as_in_the_shared_cases(case: dict[str, Any]) -> None:
    assert read_number(case["text"]) == Reading(float(case["value"]), case.get("other"))


@pytest.mark.parametrize("text", GOLDEN["others"])
def test_any_other_text_is_no_number(text: str) -> None:
    assert read_number(text) is None


def test_the_shared_cases_know_every_zero() -> None:
    zeros = [point for point in range(0x110000) if unicodedata.decimal(chr(point), None) == 0]
    assert zeros == GOLDEN["zeros"]


@pytest.mark.parametrize("zero", GOLDEN["zeros"])
def test_digits_of_every_script_are_read(zero: int) -> None:
    digits = "".join(chr(zero + digit) for digit in range(1, 10))
    assert read_number(digits) == Reading(123456789)


@given(st.integers(0, 10**15), st.sampled_from(",.' \u00a0\u202f\u2019"))
def test_several_groups_are_read_as_thousands(number: int, separator: str) -> None:
    text = f"{number:,}".replace(",", separator)
    if text.count(separator) > 1:
        assert read_number(text) == Reading(number)


@given(st.decimals(-(10**6), 10**6, places=2))
def test_two_decimals_are_never_ambiguous(number: Any) -> None:
    for text in (str(number), str(number).replace(".", ",")):
        assert read_number(text) == Reading(float(number))


@given(st.text(max_size=NUMBER_CHARS))
def test_no_text_raises(text: str) -> None:
    reading = read_number(text)
    assert reading is None or reading.value == reading.value
