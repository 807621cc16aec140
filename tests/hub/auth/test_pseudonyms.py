from hypothesis import given
from hypothesis import strategies as st

from hub.auth.pseudonyms import make_pseudonym

SECRET = "s" * 32


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_pseudonyms_are_equal_exactly_for_equal_values(first: list[str], second: list[str]) -> None:
    assert (make_pseudonym(SECRET, "p", *first) == make_pseudonym(SECRET, "p", *second)) == (first == second)


def test_another_secret_or_purpose_gives_another_pseudonym() -> None:
    one = make_pseudonym(SECRET, "place", "192.0.2.1")
    assert len({one, make_pseudonym(SECRET, "audit", "192.0.2.1"), make_pseudonym("t" * 32, "place", "192.0.2.1")}) == 3


def test_a_pseudonym_has_twenty_hexadecimal_digits() -> None:
    assert int(make_pseudonym(SECRET, "place", "ü"), 16) < 2**80
    assert len(make_pseudonym(SECRET, "place", "ü")) == 20
