import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import Encoding, decode_candidate, decode_console, decode_delivery
from protocol.errors import Malformed
from protocol.limits import CONTAINERS, EXPONENTS, FRAME_BYTES
from protocol.text.costly_json import takes_long

SLOW = ["1e308", "1E-320", "2.5e+0300", "-1e0308"]


def frame(*values: str) -> str:
    events = ",".join(f'{{"type":"copy","at":1,"mono":1,"data":{{"x":{value}}}}}' for value in values)
    return f'{{"t":"events","first_seq":1,"events":[{events}]}}'


@pytest.mark.parametrize("number", SLOW)
def test_many_large_exponents_take_long(number: str) -> None:
    assert takes_long(f"[{','.join([number] * 2_000)}]".encode())


@pytest.mark.parametrize("number", SLOW)
def test_a_few_do_not(number: str) -> None:
    assert not takes_long(f"[{','.join([number] * EXPONENTS + ['0'] * 10_000)}]".encode())


@given(st.lists(st.sampled_from(["1e308 ", '\\"', "\\\\", "5e123456", ":", ","]), max_size=3_000))
def test_texts_are_never_counted(parts: list[str]) -> None:
    assert not takes_long(f'{{"text":"{"".join(parts) * 5}","n":1e308}}'.encode())


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200), max_size=2_000))
def test_numbers_that_occur_do_not_take_long(numbers: list[float]) -> None:
    data = msgspec.json.encode(numbers)
    assert takes_long(data) <= (data.count(b"e") > EXPONENTS)


@pytest.mark.parametrize("number", SLOW)
def test_a_frame_with_many_is_refused_before_it_is_decoded(number: str) -> None:
    numbers = ",".join([number] * (FRAME_BYTES // (len(number) + 2)))
    data = frame(f"[{numbers}]")
    began_s = time.thread_time()
    with pytest.raises(Malformed, match="exponent"):
        decode_candidate(data, Encoding.JSON)
    with pytest.raises(Malformed, match="exponent"):
        decode_delivery(data.encode())
    with pytest.raises(Malformed, match="exponent"):
        decode_console(data, Encoding.JSON)
    assert time.thread_time() - began_s < 0.05


def test_more_lists_than_a_frame_has_room_for_take_long() -> None:
    assert takes_long(b"[" + b",".join([b"[]"] * CONTAINERS) + b"]")
    assert not takes_long(b"[" + b",".join([b"[]"] * (FRAME_BYTES // 3 - 1)) + b"]")
