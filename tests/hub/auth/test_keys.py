import secrets
from uuid import UUID, uuid4

import httpx
import jwt
import msgspec
import pytest

from db.settings import Secret
from hub.app import create_app
from hub.auth import tokens
from hub.auth.keys import Keys, find_weakness
from hub.errors import Unauthenticated
from hub.settings import HubSettings
from protocol.roles import Role
from tests.hub.conftest import Users
from tests.hub.serving import serve

OLD = "a secret that only this test suite knows"
NEW = "the next secret, which came by a rotation"
NOW = 1_700_000_000_000
ATTEMPT = UUID(int=7)
CLAIMS = tokens.make_claims(uuid4(), Role.STUDENT, "Ada", uuid4(), now_ms=NOW)
UPLOAD = tokens.make_upload_claims(CLAIMS.sub, ATTEMPT, CLAIMS.sid, now_ms=NOW, closes_ms=None)

BEFORE = Keys((OLD,), OLD)
DURING = Keys((NEW, OLD), OLD)
AFTER = Keys((NEW,), OLD)


def test_in_a_rotation_old_tokens_are_valid_and_new_ones_have_the_new_key() -> None:
    assert tokens.verify(tokens.sign(CLAIMS, BEFORE), DURING, now_ms=NOW) == CLAIMS
    assert tokens.verify(tokens.sign(CLAIMS, DURING), AFTER, now_ms=NOW) == CLAIMS


def test_after_a_rotation_tokens_of_the_old_key_are_not_valid() -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(tokens.sign(CLAIMS, BEFORE), AFTER, now_ms=NOW)


def test_a_rotation_changes_neither_queue_keys_nor_upload_tokens() -> None:
    upload = tokens.sign(UPLOAD, BEFORE)
    for keys in (DURING, AFTER):
        assert tokens.verify_upload(upload, keys, now_ms=NOW) == UPLOAD
        assert tokens.derive_queue_key(ATTEMPT, keys.data) == tokens.derive_queue_key(ATTEMPT, BEFORE.data)


def test_an_upload_token_of_an_older_version_is_valid() -> None:
    """Older versions signed it with the one secret itself."""
    old = tokens.sign(msgspec.structs.replace(CLAIMS, typ="upload"), BEFORE)
    with pytest.raises(Unauthenticated):
        tokens.verify_upload(old, DURING, now_ms=NOW)  # an access token does not become one
    upload = jwt.encode(msgspec.to_builtins(UPLOAD), OLD, algorithm="HS256")
    assert tokens.verify_upload(upload, DURING, now_ms=NOW) == UPLOAD


def test_the_data_key_signs_no_access_token() -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(tokens.sign(CLAIMS, Keys((OLD,), OLD)), Keys((NEW,), OLD), now_ms=NOW)


@pytest.mark.parametrize("secret", ["", "x" * 31, "é" * 15])
def test_a_short_secret_is_weak(secret: str) -> None:
    assert find_weakness(secret) == "must have at least 32 bytes"


@pytest.mark.parametrize(
    "secret",
    [
        "a" * 64,
        "abab" * 16,
        "secret" * 8,
        "change-me-change-me-in-production-now",
        "CHANGE_ME: thirty-two bytes or more of it",
        "your-secret-key-with-thirty-two-bytes",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "12345678901234567890123456789012",
    ],
)
def test_a_secret_that_can_be_guessed_is_weak(secret: str) -> None:
    assert "can be guessed" in (find_weakness(secret) or "")


def test_a_random_secret_is_not_weak() -> None:
    for _ in range(200):
        assert find_weakness(secrets.token_hex(32)) is None
        assert find_weakness(secrets.token_urlsafe(24)) is None


async def test_a_hub_with_a_rotated_ring_keeps_its_users_signed_in(settings: HubSettings, users: Users) -> None:
    rotated = msgspec.structs.replace(
        settings, jwt_secret=Secret(""), jwt_secrets=(Secret(NEW), Secret(OLD)), data_secret=Secret(OLD)
    )
    grace = await users.make(Role.TEACHER, "grace")
    async with serve(create_app(rotated)) as address, httpx.AsyncClient(base_url=f"http://{address}") as other:
        bearer = {"Authorization": f"Bearer {grace.tokens['access_token']}"}
        assert (await other.get("/exams", headers=bearer)).status_code == 200
        renewed = (await other.post("/auth/refresh", json={"refresh_token": grace.tokens["refresh_token"]})).json()
    grace.tokens = renewed
    assert (await grace.get("/exams")).status_code == 401, "a hub that does not have the new key yet"
