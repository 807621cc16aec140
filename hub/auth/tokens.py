"""Access tokens: signed statements of who a person is and in which session, good for ten minutes.

Pure: time is an argument. One algorithm, one kind of token, every claim required; nothing optional is believed.
"""

from typing import Final
from uuid import UUID

import jwt
import msgspec

from hub.errors import Expired, Unauthenticated
from protocol.people import Role

LIFETIME_S: Final = 600
SKEW_S: Final = 10
"""How far another hub's clock may run ahead of ours before its tokens seem to come from the future."""

_ALGORITHM: Final = "HS256"
_TYPE: Final = "access"
_ISSUER: Final = "veritas"
_AUDIENCE: Final = "veritas-hub"
_REQUIRED: Final = ["typ", "iss", "aud", "exp", "nbf", "sub", "role", "name", "sid"]


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


def make_claims(
    user_id: UUID, role: Role, name: str, session: UUID, *, now_ms: int, exam_id: UUID | None = None
) -> Claims:
    """State who a person is from now on, for ten minutes."""
    now_s = now_ms // 1000
    return Claims(sub=user_id, role=role, name=name, sid=session, nbf=now_s, exp=now_s + LIFETIME_S, exam=exam_id)


def sign(claims: Claims, secret: str) -> str:
    """Sign claims as a JWT."""
    return jwt.encode(msgspec.to_builtins(claims), secret, algorithm=_ALGORITHM)


def verify(token: str, secret: str, *, now_ms: int) -> Claims:
    """Read a token's claims. Raises Expired, or Unauthenticated for whatever else is wrong with it."""
    try:
        payload = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            # Times are checked below, against the given clock.
            options={
                "require": _REQUIRED,
                "strict_aud": True,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        claims = msgspec.convert(payload, Claims)
    except (jwt.InvalidTokenError, msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise Unauthenticated("the access token is not valid") from error
    if claims.typ != _TYPE or claims.nbf > now_ms // 1000 + SKEW_S:
        raise Unauthenticated("the access token is not valid")
    if claims.expires_at <= now_ms:
        raise Expired("the access token has expired")
    return claims
