import base64
from typing import Any
from uuid import UUID, uuid4

import jwt
import msgspec
import pytest

from hub.auth import tokens
from hub.auth.keys import Keys
from hub.errors import Expired, Unauthenticated
from protocol.limits import TAIL_MS
from protocol.roles import Role

SECRET = "a secret that only this test suite knows"
OTHER = "another secret, also of thirty-two bytes"
KEYS = Keys((SECRET,), SECRET)
NOW = 1_700_000_000_000
ATTEMPT = UUID(int=7)
CLAIMS = tokens.make_claims(uuid4(), Role.STUDENT, "Ada Exämple", uuid4(), now_ms=NOW)


def forge(secret: str = SECRET, algorithm: str = "HS256", without: str = "", **changes: object) -> str:
    payload = {**msgspec.to_builtins(CLAIMS), **changes}
    payload.pop(without, None)
    return jwt.encode(payload, secret, algorithm=algorithm)


def test_a_token_has_its_claims_for_ten_minutes() -> None:
    token = tokens.sign(CLAIMS, KEYS)
    assert tokens.verify(token, KEYS, now_ms=NOW) == CLAIMS
    assert tokens.verify(token, KEYS, now_ms=NOW + 599_999) == CLAIMS
    assert CLAIMS.expires_at == NOW + 600_000
    with pytest.raises(Expired):
        tokens.verify(token, KEYS, now_ms=NOW + 600_000)


def test_the_exam_of_a_code_stays_in_the_token() -> None:
    claims = msgspec.structs.replace(CLAIMS, exam=uuid4())
    assert tokens.verify(tokens.sign(claims, KEYS), KEYS, now_ms=NOW).exam == claims.exam


def test_a_token_is_accepted_from_a_clock_slightly_ahead_and_not_from_the_future() -> None:
    token = tokens.sign(CLAIMS, KEYS)
    tokens.verify(token, KEYS, now_ms=NOW - 10_000)
    with pytest.raises(Unauthenticated):
        tokens.verify(token, KEYS, now_ms=NOW - 11_000)


@pytest.mark.parametrize("claim", ["typ", "iss", "aud", "exp", "nbf", "sub", "role", "name", "sid"])
def test_every_claim_is_required(claim: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(without=claim), KEYS, now_ms=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "refresh"},
        {"iss": "another"},
        {"aud": "somewhere"},
        {"aud": ["veritas-hub", "somewhere"]},
        {"sub": "ada"},
        {"sub": None},
        {"role": "king"},
        {"name": 7},
        {"sid": "x"},
        {"exp": "soon"},
        {"exp": 1e300},
        {"nbf": None},
        {"exam": "physics"},
    ],
)
def test_a_claim_of_another_type_is_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(**changes), KEYS, now_ms=NOW)


def test_another_key_or_algorithm_is_rejected() -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(OTHER), KEYS, now_ms=NOW)
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(SECRET + OTHER, "HS512"), Keys((SECRET + OTHER,), SECRET), now_ms=NOW)
    with pytest.raises(Unauthenticated):
        tokens.verify(jwt.encode(msgspec.to_builtins(CLAIMS), "", algorithm="none"), KEYS, now_ms=NOW)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\udc80", "é" * 10, "." * 1000])
def test_an_invalid_token_is_rejected_and_not_repeated(token: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        tokens.verify(token, KEYS, now_ms=NOW)
    assert str(refusal.value) == "The token is not valid."


UPLOAD = tokens.make_upload_claims(CLAIMS.sub, ATTEMPT, CLAIMS.sid, now_ms=NOW, closes_ms=NOW + 60_000)


def test_an_upload_token_is_valid_until_a_day_after_the_end() -> None:
    token = tokens.sign(UPLOAD, KEYS)
    end_ms = NOW + 60_000 + TAIL_MS
    assert tokens.verify_upload(token, KEYS, now_ms=end_ms - 1000) == UPLOAD
    with pytest.raises(Expired):
        tokens.verify_upload(token, KEYS, now_ms=end_ms)
    endless = tokens.make_upload_claims(CLAIMS.sub, ATTEMPT, CLAIMS.sid, now_ms=NOW, closes_ms=None)
    assert endless.exp * 1000 == NOW + TAIL_MS


def test_neither_kind_of_token_is_accepted_as_the_other() -> None:
    upload, access = tokens.sign(UPLOAD, KEYS), tokens.sign(CLAIMS, KEYS)
    assert (tokens.is_upload(upload), tokens.is_upload(access)) == (True, False)
    with pytest.raises(Unauthenticated):
        tokens.verify(upload, KEYS, now_ms=NOW)
    with pytest.raises(Unauthenticated):
        tokens.verify_upload(access, KEYS, now_ms=NOW)
    # Not even when it says of itself that it is: what an access token must say is missing.
    posing = tokens.sign(msgspec.structs.replace(UPLOAD, typ="access"), KEYS)
    with pytest.raises(Unauthenticated):
        tokens.verify(posing, KEYS, now_ms=NOW)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\udc80", "." * 1000])
def test_any_other_text_is_not_an_upload_token(token: str) -> None:
    assert not tokens.is_upload(token)


def test_a_queue_key_is_different_for_each_attempt_and_never_changes() -> None:
    key = tokens.derive_queue_key(ATTEMPT, SECRET)
    assert len(base64.urlsafe_b64decode(key + "=")) == 32
    assert key == tokens.derive_queue_key(ATTEMPT, SECRET)
    assert len({key, tokens.derive_queue_key(UUID(int=8), SECRET), tokens.derive_queue_key(ATTEMPT, OTHER)}) == 3
