"""Map every exception to an HTTP status, a problem code, a title and a close code (`MEANINGS`).

Must never send the text of an unexpected error to a client: such an error is logged, and the answer does not repeat it.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import sqlalchemy.exc
from litestar import Request, Response
from litestar.enums import ParamType
from litestar.exceptions import HTTPException, InternalServerException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.types import ExceptionHandlersMap

from db.errors import (
    BadRequest,
    Conflict,
    Ended,
    Forbidden,
    KeyReused,
    NotFound,
    NoticeChanged,
    NotOpen,
    RequestError,
    sqlstate_of,
)
from hub import network_faults
from hub.server.security_log import LOG_STATE, REFUSALS
from judgement.errors import UnsupportedRulebook
from protocol.codes import CloseCode
from protocol.errors import ProtocolError, TooLarge

PROBLEM_TYPE: Final = "application/problem+json"
BUSY_RETRY_S: Final = 5
FULL_RETRY_S: Final = 1
FAULTS_MAX: Final = 5_000
"""The most faults in one answer; a file of a megabyte could have a million."""
_LEFT: Final = "client disconnected prematurely"
"""Litestar's words when a connection ends inside a body."""

_log = logging.getLogger(__name__)


class Fault(msgspec.Struct, frozen=True):
    """One invalid field of a request: its path (`$.students[3].name`, `query.limit`), and what is wrong with it."""

    path: str
    message: str


class RegisteredStudent(msgspec.Struct, frozen=True, kw_only=True):
    """A student of a roster whose username belongs to an account that its user registered.

    `name` is the roster's, `registered_name` is what that user typed. `path` names the row of the request.
    """

    path: str
    username: str
    name: str
    registered_name: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem: `code` and `type` name the error, `title` describes it, `detail` is about this case.

    A conflict with an earlier change names its author in `by`, and its time in ms since the epoch in `at`.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Fault] = []
    by: str | None = None
    at: int | None = None
    committed: int | None = None
    to_confirm: list[RegisteredStudent] = []


class Invalid(BadRequest):
    """A field is not valid.

    `path` names it, as in `$.password`; `more` are further invalid fields.
    """

    def __init__(self, path: str, message: str, *more: Fault) -> None:
        super().__init__(f"{path}: {message}" + (f" (and {len(more)} more)" if more else ""))
        self.faults = [Fault(path, message), *more[: FAULTS_MAX - 1]]


class Unauthenticated(RequestError):
    """Sign in first."""


class Expired(Unauthenticated):
    """The token has expired. Renew it and try again."""


class SecondFactorRequired(Unauthenticated):
    """Enter the code of your authenticator app.

    The username and the password are right.
    """


class SecondFactorWrong(Unauthenticated):
    """The code is not valid. Wait for the next one, or use a recovery code."""


class SetupRequired(Forbidden):
    """Administrators need a second factor here. Set it up first, on the page of your account."""


class NeedsConfirmation(Conflict):
    """Some accounts were registered by their users. Confirm that they are your students."""

    def __init__(self, to_confirm: Sequence[RegisteredStudent]) -> None:
        one = to_confirm[0]
        more = f" (and {len(to_confirm) - 1} more)" if len(to_confirm) > 1 else ""
        super().__init__(
            f"{one.path}: the account {one.username} was registered by its user as “{one.registered_name}”, and you "
            f"add “{one.name}”{more}. Confirm that they are your students: their passwords end, and they sign in with "
            "their codes."
        )
        self.to_confirm = list(to_confirm)


class Gap(Conflict):
    """A sequence number was skipped. Continue after `committed`."""

    def __init__(self, detail: str, committed: int) -> None:
        super().__init__(detail)
        self.committed = committed


class Superseded(Conflict):
    """A newer connection of the same attempt has taken over."""


class Disconnected(Conflict):
    """The connection has ended. Open another one before you deliver events."""


class Full(RequestError):
    """The hub cannot store more right now. Keep the events and try again."""

    retry_s = FULL_RETRY_S


class OverQuota(RequestError):
    """The attempt has sent far more than exams need. Keep the events and try again after `retry_s` seconds."""

    def __init__(self, detail: str, wait_ms: int) -> None:
        super().__init__(detail)
        self.wait_ms = wait_ms
        self.retry_s = -(-wait_ms // 1000)


class TooManyFailures(RequestError):
    """Too many failed sign-ins came from this address.

    `retry_s` is the time in seconds until the next one is accepted.
    """

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"There were too many failed sign-ins. Try again in {retry_s} s.")
        self.retry_s = retry_s


class TooManyAccounts(RequestError):
    """Too many accounts were made from this address. Try again in an hour, or ask your school for an account."""

    retry_s = 3600

    def __init__(self) -> None:
        super().__init__("Too many accounts were made from this address. Try again in an hour.")


class Busy(RequestError):
    """The service cannot answer right now. Try again in a moment.

    A bounded queue is full, or the database is not available.
    """

    def __init__(self, detail: str, retry_s: int = BUSY_RETRY_S) -> None:
        super().__init__(detail)
        self.retry_s = retry_s


class ClientLeft(RequestError):
    """The client left before its request was complete. No one reads the answer."""


class FrameworkError(RequestError):
    """The framework rejected the request: unknown route, wrong method, a body that does not validate."""

    def __init__(self, error: HTTPException) -> None:
        self.faults = _read_faults(error.extra)
        # Litestar's own detail repeats the query string.
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in self.faults) or error.detail)
        self.status = error.status_code
        self.headers = error.headers or {}


class Meaning(msgspec.Struct, frozen=True):
    """The meaning of an error for a client."""

    status: int
    code: str
    title: str
    close_code: CloseCode


UNEXPECTED: Final = Meaning(500, "internal", "Something went wrong", CloseCode.INTERNAL)

MEANINGS: Final[dict[type[Exception], Meaning]] = {
    BadRequest: Meaning(400, "bad_request", "The request is not valid", CloseCode.MALFORMED),
    Invalid: Meaning(400, "invalid", "Some fields are not valid", CloseCode.MALFORMED),
    ProtocolError: Meaning(400, "bad_request", "The request is not valid", CloseCode.MALFORMED),
    Unauthenticated: Meaning(401, "unauthenticated", "You are not signed in", CloseCode.UNAUTHENTICATED),
    Expired: Meaning(401, "expired", "Your sign-in has expired", CloseCode.TOKEN_EXPIRED),
    SecondFactorRequired: Meaning(401, "totp_required", "A code is needed", CloseCode.UNAUTHENTICATED),
    SecondFactorWrong: Meaning(401, "totp_wrong", "The code is not valid", CloseCode.UNAUTHENTICATED),
    SetupRequired: Meaning(403, "totp_setup_required", "Set up your second factor first", CloseCode.FORBIDDEN),
    Forbidden: Meaning(403, "forbidden", "You are not allowed to do this", CloseCode.FORBIDDEN),
    NotFound: Meaning(404, "not_found", "Not found", CloseCode.FORBIDDEN),
    Conflict: Meaning(409, "conflict", "This conflicts with the current state", CloseCode.MALFORMED),
    NotOpen: Meaning(409, "not_open", "The exam is not open", CloseCode.MALFORMED),
    NeedsConfirmation: Meaning(
        409, "needs_confirmation", "Some accounts were registered by their users", CloseCode.MALFORMED
    ),
    NoticeChanged: Meaning(409, "notice_changed", "Read the notice first", CloseCode.MALFORMED),
    Gap: Meaning(409, "gap", "A sequence number was skipped", CloseCode.GAP),
    Superseded: Meaning(409, "superseded", "Another connection has taken over", CloseCode.SUPERSEDED),
    Disconnected: Meaning(409, "disconnected", "The connection has ended", CloseCode.SILENT),
    KeyReused: Meaning(422, "key_reused", "The key was used for another request", CloseCode.MALFORMED),
    Ended: Meaning(410, "ended", "The attempt has ended", CloseCode.ENDED),
    TooLarge: Meaning(413, "too_large", "The request is too large", CloseCode.TOO_LARGE),
    ClientLeft: Meaning(400, "client_left", "The client has left", CloseCode.MALFORMED),
    OverQuota: Meaning(429, "quota", "The attempt has sent too much", CloseCode.TOO_FAST),
    Full: Meaning(429, "full", "The service is full right now", CloseCode.OVERLOADED),
    TooManyFailures: Meaning(429, "too_many_failures", "Too many failed sign-ins", CloseCode.TOO_FAST),
    TooManyAccounts: Meaning(429, "too_many_accounts", "Too many accounts from this address", CloseCode.TOO_FAST),
    Busy: Meaning(503, "busy", "The service is busy", CloseCode.OVERLOADED),
}
"""The status, problem code, title and close code of each error class; a subclass without a row has its parent's."""


def interpret(error: Exception) -> Exception:
    """Return the error that a client receives for this one: it has a meaning, and a text for the client."""
    match error:
        case RequestError() | ProtocolError():
            return error
        case HTTPException() if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return TooLarge("The request is larger than this route allows.")
        case InternalServerException() if error.detail == _LEFT:
            return ClientLeft("The client left before its request was complete.")
        case HTTPException() if error.status_code < 500:
            return FrameworkError(error)
        case RecursionError():  # only a body can go that deep
            return BadRequest("The request is nested too deeply.")
        case sqlalchemy.exc.TimeoutError():
            return Busy("All database connections are in use. Try again in a moment.")
        case sqlalchemy.exc.DBAPIError() if _is_transient(error):
            return Busy("The database is not available right now. Try again in a moment.")
        case UnsupportedRulebook():
            return Busy(f"This hub does not support rulebook {error.version}. Another version of Veritas does.")
        case OSError():  # what connecting to PostgreSQL raises; a timeout of ours is one too
            return Busy("The database cannot be reached right now. Try again in a moment.")
        case _:
            return _Unexpected("Something went wrong on our side. The error was logged.")


def meaning_of(error: Exception) -> Meaning:
    """Return the status, problem code, title and close code of any exception."""
    answered = interpret(error)
    if isinstance(answered, FrameworkError):
        return _meaning_of_framework_error(answered)
    return _look_up(type(answered))


def close_code_of(error: Exception) -> CloseCode:
    """Return the code with which this error closes a socket."""
    return meaning_of(error).close_code


def refuse_any(faults: Sequence[Fault]) -> None:
    """Raise Invalid with these faults if there are any."""
    if faults:
        raise Invalid(faults[0].path, faults[0].message, *faults[1:])


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer any exception of a handler with a problem; an unexpected one is logged with its traceback."""
    answered, meaning = interpret(error), meaning_of(error)
    if isinstance(answered, ClientLeft):
        network_faults.note("client_left")
    elif meaning.status == 500:
        _log.error("unexpected error at %s %s", request.method, request.url.path, exc_info=error)
    elif meaning.status == 503:
        _log.warning("busy at %s %s: %s (%s)", request.method, request.url.path, answered, type(error).__name__)
    if meaning.status in REFUSALS and (security := request.app.state.get(LOG_STATE)):
        security.note_refusal(request, meaning.status, meaning.code)
    problem = Problem(
        type=_type_of(meaning),
        title=meaning.title,
        status=meaning.status,
        detail=str(answered),
        code=meaning.code,
        errors=answered.faults if isinstance(answered, Invalid | FrameworkError) else [],
        by=answered.by if isinstance(answered, Conflict) else None,
        at=answered.at if isinstance(answered, Conflict) else None,
        committed=answered.committed if isinstance(answered, Gap) else None,
        to_confirm=answered.to_confirm if isinstance(answered, NeedsConfirmation) else [],
    )
    return Response(problem, status_code=meaning.status, headers=_headers_of(answered), media_type=PROBLEM_TYPE)


exception_handlers: Final[ExceptionHandlersMap] = {Exception: answer}
"""For Litestar: every exception of every handler goes through `answer`."""


def problems(*kinds: type[Exception]) -> dict[int, ResponseSpec]:
    """Build a handler's `responses`: the problems with which it may answer, with an example of each."""
    # Any request may be unreadable. Without this, Litestar documents its own shape of a 400.
    if all(_look_up(kind).status != 400 for kind in kinds):
        kinds = (BadRequest, *kinds)
    by_status: dict[int, list[type[Exception]]] = {}
    for kind in kinds:
        by_status.setdefault(_look_up(kind).status, []).append(kind)
    return {status: _document(alike) for status, alike in by_status.items()}


class _Unexpected(RequestError):
    """An error that is not in the table."""


def _look_up(kind: type[Exception]) -> Meaning:
    return next((MEANINGS[parent] for parent in kind.__mro__ if parent in MEANINGS), UNEXPECTED)


def _meaning_of_framework_error(error: FrameworkError) -> Meaning:
    if error.faults:
        return Meaning(error.status, MEANINGS[Invalid].code, MEANINGS[Invalid].title, CloseCode.MALFORMED)
    phrase = HTTPStatus(error.status).phrase
    return Meaning(error.status, phrase.lower().replace(" ", "_"), phrase, CloseCode.MALFORMED)


def _type_of(meaning: Meaning) -> str:
    return f"urn:veritas:problem:{meaning.code}"


def _headers_of(error: Exception) -> dict[str, str]:
    match error:
        case Unauthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case Busy() | Full() | OverQuota() | TooManyFailures() | TooManyAccounts():
            return {"Retry-After": str(error.retry_s)}
        case FrameworkError():
            return error.headers
        case _:
            return {}


def _document(kinds: list[type[Exception]]) -> ResponseSpec:
    return ResponseSpec(
        Problem,
        generate_examples=False,
        description="; or: ".join(_look_up(kind).title for kind in kinds),
        media_type=PROBLEM_TYPE,
        examples=[Example(summary=_look_up(kind).title, value=_example(kind)) for kind in kinds],
    )


def _example(kind: type[Exception]) -> dict[str, Any]:
    meaning = _look_up(kind)
    return {
        "type": _type_of(meaning),
        "title": meaning.title,
        "status": meaning.status,
        "detail": (kind.__doc__ or "").splitlines()[0],
        "code": meaning.code,
    }


def _read_faults(extra: object) -> list[Fault]:
    """Read Litestar's list of `{key, message, source}` as faults; anything else it may add is not for clients."""
    if not isinstance(extra, list):
        return []
    return [_read_fault(entry) for entry in extra if isinstance(entry, dict)]


def _read_fault(entry: dict[str, Any]) -> Fault:
    path, message = _path(entry), str(entry.get("message", ""))
    # A struct that checks its own fields names them in front: `$.name: …`.
    if message.startswith("$."):
        field, _, message = message.removeprefix("$").partition(": ")
        path += field
    return Fault(path, message)


def _path(entry: dict[str, Any]) -> str:
    key, source = str(entry.get("key", "")), entry.get("source", "body")
    if isinstance(source, ParamType):
        return f"{source.value}.{key}"
    return "$" if key in ("", "data") else f"$.{key}"


_TRANSIENT_STATES: Final = ("08", "40", "53", "55P03", "57")
"""SQLSTATEs of errors that pass: connection lost, deadlock, out of resources, lock or statement timeout, restart."""


def _is_transient(error: sqlalchemy.exc.DBAPIError) -> bool:
    return error.connection_invalidated or sqlstate_of(error).startswith(_TRANSIENT_STATES)
