import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.text.names import InvalidText, canonical_username, is_visible, read_line, read_name, read_username

ASCII_USERNAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", fullmatch=True)
LETTERS = st.text(st.characters(categories=["L", "M", "N"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("sean.o'brien@uni.example", "sean.o'brien@uni.example"),
        ("Sean.O’Brien", "sean.o'brien"),
        ("Müller", "müller"),
        ("Mu\u0308ller", "müller"),
        ("_svc", "_svc"),
        ("SCHOOL\\Ada", "school\\ada"),
        ("李雷", "李雷"),
        ("СТУДЕНТ", "студент"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_usernames_of_universities_are_stored_without_case(text: str, stored: str) -> None:
    assert read_username(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "e v e", "a\u00a0b", "a\tb", "a\x00b", "a\u202eb", "a\u200bb", "\u2066a\u2069"),
        *(".a", "@a", "-a", "'a", "\u0301a", "\u3164", "a" * 65, "ß" * 33),
        *('a"b', "a,b", "a;b", "a/b", "a<b", "a=b"),
    ],
)
def test_a_username_that_cannot_be_typed_or_is_misleading_is_refused(text: str) -> None:
    with pytest.raises(InvalidText):
        read_username(text)


@given(ASCII_USERNAMES)
def test_an_ascii_username_is_stored_as_it_always_was(username: str) -> None:
    assert read_username(username) == username.lower()


@given(st.text(max_size=30))
def test_the_stored_form_of_a_username_is_stable_and_the_same_for_all_its_spellings(text: str) -> None:
    stored = canonical_username(text)
    assert canonical_username(stored) == stored
    assert unicodedata.is_normalized("NFC", stored)
    for form in ("NFC", "NFD"):
        assert canonical_username(unicodedata.normalize(form, text)) == stored
    assert canonical_username(text.casefold()) == stored


@given(LETTERS)
def test_every_accepted_username_is_accepted_again_in_its_stored_form(text: str) -> None:
    try:
        stored = read_username(text)
    except InvalidText:
        return
    assert read_username(stored) == stored


@pytest.mark.parametrize(
    "text",
    ["علی\u200cرضا", "नर\u094dस", "María José", "O'Neil-Ōta", "李 雷", "\u2067שלום\u2069", "👩\u200d💻", "José\u0323"],
)
def test_joiners_accents_and_balanced_isolates_stay(text: str) -> None:
    assert read_name(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "\u200b", "\ufeff", "\u200d", "\u0301", "\u3164", "\u2800", "\u2060\u00a0"),
        *("Ada\u202e", "\u202aAda\u202c", "Ada\u2066", "Ada\u2069", "\u2069Ada\u2066"),
        *("Ada\nB", "Ada\x07B", "Ada\u2028B", "Ada\u2029B", "Ada\x85B", "A" * 201),
    ],
)
def test_a_name_without_a_visible_character_or_with_one_that_misleads_is_refused(text: str) -> None:
    with pytest.raises(InvalidText):
        read_name(text)


def test_ends_that_cannot_be_seen_are_removed() -> None:
    assert read_name("\ufeff \u200bAda\u00a0Example\t\n ") == "Ada\u00a0Example"
    assert read_line(" \ufeff ") == ""


@given(st.text(max_size=40))
def test_a_stored_name_is_stable_normal_and_can_be_seen(text: str) -> None:
    try:
        name = read_name(text)
    except InvalidText:
        return
    assert read_name(name) == name
    assert name == name.strip()
    assert unicodedata.is_normalized("NFC", name)
    assert any(is_visible(char) for char in name)
    assert not {unicodedata.category(char) for char in name} & {"Cc", "Cs", "Zl", "Zp"}


@given(st.text(st.characters(categories=["L"], max_codepoint=0x2FF), min_size=1, max_size=30))
def test_letters_are_always_a_name(text: str) -> None:
    assert read_name(text) == unicodedata.normalize("NFC", text)


def test_a_text_of_nothing_but_edges_is_read_in_little_time() -> None:
    began_s = time.thread_time()
    with pytest.raises(InvalidText):
        read_name(" \u200b" * 500_000)
    with pytest.raises(InvalidText):
        read_name(" \u200b" * 500)
    assert time.thread_time() - began_s < 0.05
