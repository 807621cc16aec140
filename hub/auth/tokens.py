"""Sign and verify access tokens, which name a user and a session for ten minutes, and upload tokens.

An upload token can only deliver the events of one attempt. The key of a client's stored queue is derived here too.
Pure: time is an argument. Access tokens are signed with the first key of the ring and verified with all; upload tokens
and queue keys come from the data key, so that a rotation leaves them valid. There is one algorithm, all claims are
required, and a token of one kind must never be accepted as the other.
"""

import base64
import hmac
from contextlib import suppress
from typing import Final, TypeVar
from uuid import UUID

import jwt
import msgspec

from hub.auth.keys import Keys
from hub.errors import Expired, Unauthenticated
from protocol.limits import TAIL_MS
from protocol.roles import Role

LIFETIME_S: Final = 600
SKEW_S: Final = 10
"""How far the clock of another hub can be ahead before its tokens are rejected."""

_ALGORITHM: Final = "HS256"
_TYPE: Final = "access"
_ISSUER: Final = "veritas"
_AUDIENCE: Final = "veritas-hub"
_REQUIRED: Final = ["typ", "iss", "aud", "exp", "nbf", "sub", "role", "name", "sid"]
_UPLOAD_TYPE: Final = "upload"
_UPLOAD_REQUIRED: Final = ["typ", "iss", "aud", "exp", "nbf", "sub", "attempt"]
_QUEUE_KEY: Final = b"veritas queue key 1\0"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of an access token. `exam` is the exam of a sign-in by code. Times are in seconds."""

    typ: str = _TYPE
    iss: str = _ISSUER
    aud: str = _AUDIENCE
    sub: UUID
    role: Role
    name: str
    sid: UUID
    nbf: int
    exp: int
    exam: UUID | None = None

    @property
    def expires_at(self) -> int:
        """The end of the token's validity, in ms since the epoch."""
        return self.exp * 1000


class UploadClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of an upload token: the attempt whose events it can deliver. Times are in seconds.

    `sid` is the session that got it; None in a token of an older version.
    """

    typ: str = _UPLOAD_TYPE
    iss: str = _ISSUER
    aud: str = _AUDIENCE
    sub: UUID
    attempt: UUID
    nbf: int
    exp: int
    sid: UUID | None = None


_ClaimsT = TypeVar("_ClaimsT", Claims, UploadClaims)


def make_claims(
    user_id: UUID, role: Role, name: str, session: UUID, *, now_ms: int, exam_id: UUID | None = None
) -> Claims:
    """Return the claims for a user, valid from now for ten minutes."""
    now_s = now_ms // 1000
    return Claims(sub=user_id, role=role, name=name, sid=session, nbf=now_s, exp=now_s + LIFETIME_S, exam=exam_id)


def make_upload_claims(
    student_id: UUID, attempt_id: UUID, session: UUID, *, now_ms: int, closes_ms: int | None
) -> UploadClaims:
    """Return the claims to deliver events of an attempt, valid from now until a day after it closes."""
    until_ms = (now_ms if closes_ms is None else closes_ms) + TAIL_MS
    return UploadClaims(sub=student_id, attempt=attempt_id, sid=session, nbf=now_ms // 1000, exp=until_ms // 1000)


def derive_queue_key(attempt_id: UUID, secret: str) -> str:
    """Return the key of an attempt's queues, always the same one: 32 bytes in base64url, without padding."""
    key = hmac.digest(secret.encode(), _QUEUE_KEY + attempt_id.bytes, "sha256")
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def sign(claims: Claims | UploadClaims, keys: Keys) -> str:
    """Sign claims as a JWT."""
    key = keys.signing if isinstance(claims, Claims) else keys.upload
    return jwt.encode(msgspec.to_builtins(claims), key, algorithm=_ALGORITHM)


def verify(token: str, keys: Keys, *, now_ms: int) -> Claims:
    """Verify an access token. Raises Expired, or Unauthenticated if it is not valid."""
    return _read(token, keys.ring, Claims, _TYPE, _REQUIRED, now_ms)


def verify_upload(token: str, keys: Keys, *, now_ms: int) -> UploadClaims:
    """Verify an upload token, also one of an older version, signed by the ring. Raises Expired or Unauthenticated."""
    return _read(token, (keys.upload, *keys.ring), UploadClaims, _UPLOAD_TYPE, _UPLOAD_REQUIRED, now_ms)


def is_upload(token: str) -> bool:
    """Return whether a token claims to be an upload token. It is not verified here."""
    try:
        payload: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, UnicodeError, RecursionError):
        return False
    return payload.get("typ") == _UPLOAD_TYPE


def _read(
    token: str, keys: tuple[str, ...], shape: type[_ClaimsT], kind: str, required: list[str], now_ms: int
) -> _ClaimsT:
    try:
        claims = msgspec.convert(_decode(token, keys, required), shape)
    except (jwt.InvalidTokenError, msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise Unauthenticated("The token is not valid.") from error
    if claims.typ != kind or claims.nbf > now_ms // 1000 + SKEW_S:
        raise Unauthenticated("The token is not valid.")
    if claims.exp * 1000 <= now_ms:
        raise Expired("The token has expired. Renew it and try again.")
    return claims


def _decode(token: str, keys: tuple[str, ...], required: list[str]) -> dict[str, object]:
    """Return the payload if one of the keys has signed it. Raises the errors of jwt."""
    for key in keys[:-1]:
        with suppress(jwt.InvalidSignatureError):
            return _decode_by(token, key, required)
    return _decode_by(token, keys[-1], required)


def _decode_by(token: str, key: str, required: list[str]) -> dict[str, object]:
    payload: dict[str, object] = jwt.decode(
        token,
        key,
        algorithms=[_ALGORITHM],
        audience=_AUDIENCE,
        issuer=_ISSUER,
        # Times are checked by the caller, against the given clock.
        options={
            "require": required,
            "strict_aud": True,
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
        },
    )
    return payload
