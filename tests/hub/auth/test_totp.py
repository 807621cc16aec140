from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth import totp

RFC_SECRET = b"12345678901234567890"
USER, HUB_SECRET = uuid4(), "a secret of the hub with thirty-two bytes"


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_are_those_of_the_test_vectors_of_rfc_6238(at_s: int, code: str) -> None:
    assert totp.find_step(RFC_SECRET, code, at_s * 1000) == at_s // 30


@pytest.mark.parametrize(("late_s", "is_valid"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_is_valid_for_its_step_and_the_ones_beside_it(late_s: int, is_valid: bool) -> None:
    found = totp.find_step(RFC_SECRET, "081 804", (1111111109 + late_s) * 1000)
    assert found == (1111111109 // 30 if is_valid else None)


def test_a_code_is_not_accepted_again() -> None:
    step = totp.find_step(RFC_SECRET, "287082", 59_000)
    assert step == 1
    assert totp.find_step(RFC_SECRET, "287082", 59_000, last_step=1) is None


@pytest.mark.parametrize("code", ["", "28708", "2870822", "٢٨٧٠٨٢", "28708x"])
def test_no_other_text_is_a_code(code: str) -> None:
    assert not totp.is_totp(code)
    assert totp.find_step(RFC_SECRET, code, 59_000) is None


def test_recovery_codes_differ_from_each_other_and_from_totp_codes() -> None:
    codes = totp.draw_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    assert not any(totp.is_totp(code) for code in codes)


def test_the_address_for_authenticator_apps_names_the_user_and_the_product() -> None:
    uri = totp.make_uri(RFC_SECRET, "ada lovelace")
    assert uri == f"otpauth://totp/Veritas:ada%20lovelace?secret={totp.spell_secret(RFC_SECRET)}&issuer=Veritas"


@given(st.binary(min_size=20, max_size=20))
def test_a_sealed_secret_opens_only_for_its_user_and_its_hub(secret: bytes) -> None:
    sealed = totp.seal(secret, USER, HUB_SECRET)
    assert secret not in sealed
    assert totp.unseal(sealed, USER, HUB_SECRET) == secret
    assert totp.unseal(sealed, uuid4(), HUB_SECRET) is None
    assert totp.unseal(sealed, USER, HUB_SECRET + "x") is None
    assert totp.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), USER, HUB_SECRET) is None
