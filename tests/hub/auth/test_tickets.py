from hypothesis import given
from hypothesis import strategies as st

from hub.auth.tickets import (
    draw_code,
    draw_secret,
    find_hashes,
    hash_exam_code,
    hash_recovery_code,
    hash_secret,
    spell_code,
)

KEY = "a secret of this hub"


def test_secrets_are_random_and_long_enough() -> None:
    assert len({draw_secret() for _ in range(100)}) == 100
    assert len(draw_secret()) >= 43
    assert len(hash_secret(draw_secret())) == 32


def test_a_code_has_four_groups_of_four_letters_that_cannot_be_confused() -> None:
    code = draw_code()
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert not set(code) & set("ILOU")


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_different_bytes_give_different_codes(one: bytes, other: bytes) -> None:
    assert (spell_code(one) == spell_code(other)) == (one == other)


@given(st.binary(min_size=10, max_size=10))
def test_a_code_is_recognized_in_every_spelling(entropy: bytes) -> None:
    code = spell_code(entropy)
    for hash_typed in (hash_exam_code, hash_recovery_code):
        hashed = hash_typed(code, KEY)
        assert hash_typed(code.lower().replace("-", ""), KEY) == hashed
        assert hash_typed(f" {code.replace('-', ' – ')}\t", KEY) == hashed
        assert hash_typed(code.replace("0", "o").replace("1", "l"), KEY) == hashed
        assert hash_typed(code.replace("0", "O").replace("1", "I"), KEY) == hashed


def test_the_hash_of_a_code_needs_the_key_of_the_hub_and_older_hashes_are_found_too() -> None:
    code = "7K2M-9QXA-04RT-B6WE"
    assert hash_exam_code(code, KEY) != hash_exam_code(code, "another secret")
    assert find_hashes(code.lower(), KEY) == [hash_exam_code(code, KEY), hash_secret("7K2M9QXA04RTB6WE")]


def test_the_hash_of_a_recovery_code_needs_the_key_of_the_hub_and_is_that_of_no_exam_code() -> None:
    code = "7K2M-9QXA-04RT-B6WE"
    hashed = hash_recovery_code(code, KEY)
    assert hashed != hash_recovery_code(code, "another secret")
    assert hashed not in find_hashes(code, KEY)


def test_the_encoding_is_fixed() -> None:
    assert spell_code(bytes(10)) == "0000-0000-0000-0000"
    assert spell_code(bytes(range(10))) == "000G-40R4-0M30-E209"
