import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.llm.names import HIDDEN, NameHider

HIDER = NameHider(["José Álvarez-Li", "jose.alvarez", "jose@school.example", "12345678", "Weiß Straße"])


@pytest.mark.parametrize(
    "text",
    [
        "José Álvarez-Li",
        unicodedata.normalize("NFD", "José Álvarez"),
        "JOSÉ",
        "Jose",
        "jose_alvarez",
        "_José_",
        "Jo\u200bsé",
        "JoséÁlvarezLi",
        "Álvarez",
        "Li",
        "STRASSE",
        "12345678",
        "12 345 678",
        "12-345-678",
        "a.b@mail.example",
        "+49 170 1234567",
        "0049 (170) 123 45 67",
        "Matrikelnummer: 4711223",
        "student id 47 112 23",
        "enrollment number is 4711223",
    ],
)
def test_names_addresses_and_numbers_of_persons_are_hidden(text: str) -> None:
    hidden = HIDER.hide(f"I am {text}, hello")
    assert hidden.replace(HIDDEN, "").replace("-", "").replace("_", "").split() == ["I", "am", ",", "hello"]


@pytest.mark.parametrize(
    "text",
    [
        "Canada",
        "joseph",
        "li",
        "Lithium",
        "299792458 m/s",
        "3.14159265358979",
        "in 1905 or 1915",
        "x² + y²",
        "12345679",
    ],
)
def test_other_words_and_numbers_are_kept(text: str) -> None:
    assert HIDER.hide(f"about {text} here") == f"about {text} here"


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_name_between_any_other_signs_is_hidden(before: str, after: str) -> None:
    assert "Adalinde" not in NameHider(["Adalinde"]).hide(f"{before} Adalinde {after}")


def test_a_long_text_without_spaces_is_searched_quickly() -> None:
    started_s = time.process_time()
    HIDER.hide("a" * 100_000)
    HIDER.hide("1 " * 50_000)
    assert time.process_time() - started_s < 5


def test_without_names_only_addresses_and_numbers_are_hidden() -> None:
    assert NameHider([]).hide("Ada, ada@school.example") == f"Ada, {HIDDEN}"
