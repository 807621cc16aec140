import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.password_rules import find_fault, normalize


@pytest.mark.parametrize(
    "password",
    ["correct horse 7", "пароль с пробелами", "正しい馬電池ホッチキス", "x1y2" * 64, "tr0ub4dor&3", "a\0bcdefgh"],
)
def test_a_good_password_is_accepted_in_any_script(password: str) -> None:
    assert find_fault(password, "ada") is None


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("", "characters"),
        ("1234567", "characters"),
        ("x1y2" * 64 + "z", "characters"),
        ("        ", "different"),
        ("abcabcabc", "different"),
        ("password", "common"),
        ("PassWord1", "common"),
        ("12345678", "common"),
        ("lovelace-1815", "username"),
        ("LoveLace1234", "username"),
        ("my veritas login", "product"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, fault: str) -> None:
    found = find_fault(password, "Lovelace")
    assert found is not None
    assert fault in found


def test_a_username_of_two_letters_may_be_part_of_a_password() -> None:
    assert find_fault("the limit is the sky", "li") is None


def test_a_composed_and_a_decomposed_password_are_the_same() -> None:
    assert normalize("Ame\u0301lie") == normalize("Am\u00e9lie")
    assert find_fault("Ame\u0301lie-1815", "am\u00e9lie") == "must not contain your username"


@given(st.text(min_size=8, max_size=60))
def test_the_same_password_is_accepted_in_any_form(password: str) -> None:
    for form in ("NFC", "NFD"):
        assert find_fault(unicodedata.normalize(form, password), "ada") == find_fault(normalize(password), "ada")
