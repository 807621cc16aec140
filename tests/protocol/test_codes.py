import pytest

from protocol.codes import CloseCode, may_reconnect


@pytest.mark.parametrize("code", [1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413])
def test_a_final_code_is_not_reconnected_on(code: int) -> None:
    assert not may_reconnect(code)


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013, 4408, 4419, 4422, 4429, 4500, 4503, 4504, 4505])
def test_every_other_code_is_reconnected_on(code: int) -> None:
    assert may_reconnect(code)


def test_the_close_reason_is_the_codes_name() -> None:
    assert CloseCode.TOKEN_EXPIRED.reason == "token_expired"
