"""Access tokens: signed statements of who a person is and in which session, good for ten minutes.

Beside them the two secrets a candidate's client is given at its welcome: a token that only delivers its attempt's
events, and a key for what it keeps. Pure: time is an argument. One algorithm, every claim required, and none of the
two kinds of token passes for the other; nothing optional is believed.
"""

import base64
import hmac
from typing import Final, TypeVar
from uuid import UUID

import jwt
import msgspec

from hub.errors import Expired, Unauthenticated
from protocol.limits import TAIL_MS
from protocol.roles import Role

LIFETIME_S: Final = 600
SKEW_S: Final = 10
"""How far another hub's clock may run ahead of ours before its tokens seem to come from the future."""

_ALGORITHM: Final = "HS256"
_TYPE: Final = "access"
_ISSUER: Final = "veritas"
_AUDIENCE: Final = "veritas-hub"
_REQUIRED: Final = ["typ", "iss", "aud", "exp", "nbf", "sub", "role", "name", "sid"]
_UPLOAD_TYPE: Final = "upload"
_UPLOAD_REQUIRED: Final = ["typ", "iss", "aud", "exp", "nbf", "sub", "attempt"]
_QUEUE_KEY: Final = b"veritas queue key 1\0"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says; `exam` binds it to the one exam whose code was used to sign in. Times in seconds."""

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
        """The end, in ms since the epoch."""
        return self.exp * 1000


class UploadClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload token says: whose attempt's events its bearer may deliver. Times in seconds."""

    typ: str = _UPLOAD_TYPE
    iss: str = _ISSUER
    aud: str = _AUDIENCE
    sub: UUID
    attempt: UUID
    nbf: int
    exp: int


_ClaimsT = TypeVar("_ClaimsT", Claims, UploadClaims)


def make_claims(
    user_id: UUID, role: Role, name: str, session: UUID, *, now_ms: int, exam_id: UUID | None = None
) -> Claims:
    """State who a person is from now on, for ten minutes."""
    now_s = now_ms // 1000
    return Claims(sub=user_id, role=role, name=name, sid=session, nbf=now_s, exp=now_s + LIFETIME_S, exam=exam_id)


def make_upload_claims(student_id: UUID, attempt_id: UUID, *, now_ms: int, closes_ms: int | None) -> UploadClaims:
    """State that a student may deliver an attempt's events, from now until a day after it closes."""
    until_ms = (now_ms if closes_ms is None else closes_ms) + TAIL_MS
    return UploadClaims(sub=student_id, attempt=attempt_id, nbf=now_ms // 1000, exp=until_ms // 1000)


def derive_queue_key(attempt_id: UUID, secret: str) -> str:
    """The key of an attempt's queues, always the same: 32 bytes in base64url, without padding."""
    key = hmac.digest(secret.encode(), _QUEUE_KEY + attempt_id.bytes, "sha256")
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def sign(claims: Claims | UploadClaims, secret: str) -> str:
    """Sign claims as a JWT."""
    return jwt.encode(msgspec.to_builtins(claims), secret, algorithm=_ALGORITHM)


def verify(token: str, secret: str, *, now_ms: int) -> Claims:
    """Read an access token's claims. Raises Expired, or Unauthenticated for whatever else is wrong with it."""
    return _read(token, secret, Claims, _TYPE, _REQUIRED, now_ms)


def verify_upload(token: str, secret: str, *, now_ms: int) -> UploadClaims:
    """Read an upload token's claims. Raises Expired, or Unauthenticated for whatever else is wrong with it."""
    return _read(token, secret, UploadClaims, _UPLOAD_TYPE, _UPLOAD_REQUIRED, now_ms)


def is_upload(token: str) -> bool:
    """Whether a token says of itself that it is an upload token; what it says is believed only once it is verified."""
    try:
        payload: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, UnicodeError, RecursionError):
        return False
    return payload.get("typ") == _UPLOAD_TYPE


def _read(token: str, secret: str, shape: type[_ClaimsT], kind: str, required: list[str], now_ms: int) -> _ClaimsT:
    try:
        payload = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            # Times are checked below, against the given clock.
            options={
                "require": required,
                "strict_aud": True,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        claims = msgspec.convert(payload, shape)
    except (jwt.InvalidTokenError, msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise Unauthenticated("The token is not valid.") from error
    if claims.typ != kind or claims.nbf > now_ms // 1000 + SKEW_S:
        raise Unauthenticated("The token is not valid.")
    if claims.exp * 1000 <= now_ms:
        raise Expired("The token has expired. Renew it and try again.")
    return claims
