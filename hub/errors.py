"""What the hub answers when it does not do as asked; the only room where an error becomes a status or a close code.

Nothing here explains itself to a stranger: an error nobody foresaw is logged and answered without its text.

HubError                  500  4500  an error nobody foresaw
├── BadRequest            400  4400  the request cannot be understood, or believed (db.errors.Incredible)
│   └── Invalid           400  4400  a field is wrong, named by its path
├── Unauthenticated       401  4401  who is asking is not known
│   └── Expired           401  4419  was known, but too long ago: renew and come again
├── Forbidden             403  4403  known, and may not (db.errors.Denied)
├── Missing               404  4403  no such thing, or none that the caller may see (db.errors.NotFound)
├── Outdated              409  4400  the thing is not as the caller believed (db.errors.Conflict)
│   ├── Closed            409  4400  an exam that opens later, or has closed (db.errors.NotOpen)
│   ├── Gap               409  4422  a number was skipped; the problem says what is `committed`
│   ├── Superseded        409  4409  another connection of the attempt took over
│   └── Disconnected      409  4408  the connection has ended, and is to be opened anew
├── Ended                 410  4410  the attempt is over and takes nothing more (db.errors.Over)
├── TooLarge              413  4413  more than is taken at once
├── Full                  429  4503  no room for this just now: the client keeps it and comes again
├── TooManyFailures       429  4429  too many failed tries from there
├── Busy                  503  4503  not now or not here: a bounded queue or the database is full or away
└── Refused                 …  4400  the framework said no: unknown route, wrong method, too large a body
"""

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import sqlalchemy.exc
from litestar import Request, Response
from litestar.enums import ParamType
from litestar.exceptions import HTTPException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.types import ExceptionHandlersMap

from db import errors as db_errors
from judgement.errors import NotCarried
from protocol.codes import CloseCode
from protocol.errors import ProtocolError

PROBLEM_TYPE: Final = "application/problem+json"
BUSY_RETRY_S: Final = 5
_log = logging.getLogger(__name__)


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request: where (`$.students[3].name`, `query.limit`), and what."""

    path: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem: `type` and `code` name the kind, `title` says it in words, `detail` says it of this case.

    A conflict with somebody who was first says `by` whom, and `at` which time in ms since the epoch.
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


class HubError(Exception):
    """Something the hub cannot do, or will not."""

    status: int = 500
    code: str = "internal"
    title: str = "Something went wrong here"
    close_code: CloseCode = CloseCode.INTERNAL
    by: str | None = None
    at: int | None = None
    committed: int | None = None

    def headers(self) -> dict[str, str]:
        """What the answer's headers add."""
        return {}

    def faults(self) -> list[Fault]:
        """The fields that are wrong."""
        return []


class BadRequest(HubError):
    """The request cannot be understood."""

    status = 400
    code = "bad_request"
    title = "The request cannot be understood"
    close_code = CloseCode.MALFORMED


class Invalid(BadRequest):
    """A field is wrong, `path` names it as in `$.password`; or several are, each with its own."""

    code = "invalid"
    title = "The request does not fit"

    def __init__(self, path: str, message: str, *more: Fault) -> None:
        super().__init__(f"{path}: {message}" + (f", and {len(more)} more" if more else ""))
        self._faults = [Fault(path, message), *more]

    def faults(self) -> list[Fault]:
        """Each field that is wrong."""
        return self._faults


class Unauthenticated(HubError):
    """Who is asking is not known."""

    status = 401
    code = "unauthenticated"
    title = "Who is asking is not known"
    close_code = CloseCode.UNAUTHENTICATED

    def headers(self) -> dict[str, str]:
        """How to authenticate."""
        return {"WWW-Authenticate": "Bearer"}


class Expired(Unauthenticated):
    """The credential was good, but its time is over: renew it and come again."""

    code = "expired"
    title = "The credential is too old"
    close_code = CloseCode.TOKEN_EXPIRED


class Forbidden(HubError):
    """Known, and may not."""

    status = 403
    code = "forbidden"
    title = "Not allowed"
    close_code = CloseCode.FORBIDDEN


class Missing(HubError):
    """There is no such thing, or none that the caller may see."""

    status = 404
    code = "not_found"
    title = "Not found"
    close_code = CloseCode.FORBIDDEN


class Outdated(HubError):
    """The thing is not as the caller believed it to be."""

    status = 409
    code = "conflict"
    title = "Not as it was believed to be"
    close_code = CloseCode.MALFORMED

    def __init__(self, detail: str = "", *, by: str | None = None, at: int | None = None) -> None:
        super().__init__(detail)
        self.by = by
        self.at = at


class Gap(Outdated):
    """A number was skipped: go on after `committed`."""

    code = "gap"
    title = "A number was skipped"
    close_code = CloseCode.GAP

    def __init__(self, detail: str, committed: int) -> None:
        super().__init__(detail)
        self.committed = committed


class Superseded(Outdated):
    """A newer connection of the same attempt took over."""

    code = "superseded"
    title = "Another connection took over"
    close_code = CloseCode.SUPERSEDED


class Disconnected(Outdated):
    """The connection has ended; another is to be opened before anything is delivered."""

    code = "disconnected"
    title = "The connection has ended"
    close_code = CloseCode.SILENT


class TooLarge(HubError):
    """More than is taken at once."""

    status = 413
    code = "too_large"
    title = "Too large"
    close_code = CloseCode.TOO_LARGE


class Full(HubError):
    """No room for this just now: keep it, and come again."""

    status = 429
    code = "full"
    title = "No room just now"
    close_code = CloseCode.OVERLOADED

    def headers(self) -> dict[str, str]:
        """When to come again."""
        return {"Retry-After": "1"}


class Ended(HubError):
    """The attempt is over and takes nothing more."""

    status = 410
    code = "ended"
    title = "The attempt is over"
    close_code = CloseCode.ENDED


class Closed(Outdated):
    """The exam opens later, or has closed."""

    code = "not_open"
    title = "Not open"


class TooManyFailures(HubError):
    """Too many failed tries from there; `retry_s` until the next is heard."""

    status = 429
    code = "too_many_failures"
    title = "Too many failed tries"
    close_code = CloseCode.TOO_FAST

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"too many failed tries; the next is heard in {retry_s} s")
        self.retry_s = retry_s

    def headers(self) -> dict[str, str]:
        """When to come again."""
        return {"Retry-After": str(self.retry_s)}


class Busy(HubError):
    """Not now: a bounded queue or the database is full, or away for a moment."""

    status = 503
    code = "busy"
    title = "Too busy"
    close_code = CloseCode.OVERLOADED

    def __init__(self, detail: str, retry_s: int = BUSY_RETRY_S) -> None:
        super().__init__(detail)
        self.retry_s = retry_s

    def headers(self) -> dict[str, str]:
        """When to come again."""
        return {"Retry-After": str(self.retry_s)}


class Refused(HubError):
    """The framework said no before a handler was asked."""

    close_code = CloseCode.MALFORMED

    def __init__(self, error: HTTPException) -> None:
        phrase = HTTPStatus(error.status_code).phrase
        self._faults = _read_faults(error.extra)
        # Litestar's own detail repeats the query string.
        super().__init__("; ".join(f"{one.path}: {one.message}" for one in self._faults) or error.detail)
        self.status = error.status_code
        self.code = Invalid.code if self._faults else phrase.lower().replace(" ", "_")
        self.title = Invalid.title if self._faults else phrase
        self._headers = error.headers or {}

    def headers(self) -> dict[str, str]:
        """What the framework wanted to add, such as `Allow`."""
        return self._headers

    def faults(self) -> list[Fault]:
        """The fields that did not validate."""
        return self._faults


def interpret(error: Exception) -> HubError:
    """The one mapping: what any exception means to whoever is asking."""
    match error:
        case HubError():
            return error
        case db_errors.DatabaseError() if (kind := _kind_of(error)) is not None:
            return kind(str(error))
        case HTTPException() if error.status_code < 500:
            return Refused(error)
        case RecursionError():  # only a body can go that deep
            return BadRequest("nested too deeply")
        case sqlalchemy.exc.TimeoutError():
            return Busy("every database connection is in use")
        case sqlalchemy.exc.DBAPIError() if _will_pass(error):
            return Busy("the database cannot answer just now")
        case NotCarried():
            return Busy(f"{error} by this hub, but by another version's")
        case OSError():  # what connecting to PostgreSQL raises; a timeout of ours is one too
            return Busy("the database cannot be reached just now")
        case _:
            return HubError("an unexpected error; it has been logged")


_OF_DATABASE: Final[dict[type[db_errors.DatabaseError], type[HubError]]] = {
    db_errors.NotFound: Missing,
    db_errors.Denied: Forbidden,
    db_errors.NotOpen: Closed,
    db_errors.Conflict: Outdated,
    db_errors.Over: Ended,
    db_errors.Incredible: BadRequest,
}


def _kind_of(error: db_errors.DatabaseError) -> Callable[[str], HubError] | None:
    return next((meant for kind, meant in _OF_DATABASE.items() if isinstance(error, kind)), None)


def refuse_any(faults: Sequence[Fault]) -> None:
    """Raise Invalid with all of these, when there are any."""
    if faults:
        raise Invalid(faults[0].path, faults[0].message, *faults[1:])


def close_code_of(error: Exception) -> CloseCode:
    """With which code an error closes a socket."""
    return error.close_code if isinstance(error, ProtocolError) else interpret(error).close_code


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer any exception of a handler as a problem; what nobody foresaw is logged with its traceback."""
    meant = interpret(error)
    if meant.status == 500:
        _log.error("unexpected error at %s %s", request.method, request.url.path, exc_info=error)
    elif meant.status == 503:
        _log.warning("busy at %s %s: %s (%s)", request.method, request.url.path, meant, type(error).__name__)
    problem = Problem(
        type=f"urn:veritas:problem:{meant.code}",
        title=meant.title,
        status=meant.status,
        detail=str(meant),
        code=meant.code,
        errors=meant.faults(),
        by=meant.by,
        at=meant.at,
        committed=meant.committed,
    )
    return Response(problem, status_code=meant.status, headers=meant.headers(), media_type=PROBLEM_TYPE)


exception_handlers: Final[ExceptionHandlersMap] = {Exception: answer}
"""For Litestar: every exception of every handler goes through `answer`."""


def problems(*kinds: type[HubError]) -> dict[int, ResponseSpec]:
    """For a handler's `responses`: the problems it may answer, with an example each."""
    # Any request may be beyond understanding; Litestar would say so of its own, in another shape.
    said: Sequence[type[HubError]] = (
        kinds if any(kind.status == BadRequest.status for kind in kinds) else (BadRequest, *kinds)
    )
    by_status: dict[int, list[type[HubError]]] = {}
    for kind in said:
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _document(alike) for status, alike in by_status.items()}


def _document(kinds: list[type[HubError]]) -> ResponseSpec:
    return ResponseSpec(
        Problem,
        generate_examples=False,
        description="; or: ".join(kind.title for kind in kinds),
        media_type=PROBLEM_TYPE,
        examples=[Example(summary=kind.title, value=_example(kind)) for kind in kinds],
    )


def _example(kind: type[HubError]) -> dict[str, Any]:
    return {
        "type": f"urn:veritas:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": (kind.__doc__ or "").splitlines()[0],
        "code": kind.code,
    }


def _read_faults(extra: object) -> list[Fault]:
    """Litestar's list of `{key, message, source}` as faults; anything else it may add is not for strangers."""
    if not isinstance(extra, list):
        return []
    return [Fault(_path(one), str(one.get("message", ""))) for one in extra if isinstance(one, dict)]


def _path(one: dict[str, Any]) -> str:
    key, source = str(one.get("key", "")), one.get("source", "body")
    if isinstance(source, ParamType):
        return f"{source.value}.{key}"
    return "$" if key in ("", "data") else f"$.{key}"


_PASSING_STATES: Final = ("08", "40", "53", "55P03", "57")
"""SQLSTATEs of what goes by itself: connection lost, deadlock, out of resources, lock or statement timeout, restart."""


def _will_pass(error: sqlalchemy.exc.DBAPIError) -> bool:
    return error.connection_invalidated or db_errors.sqlstate_of(error).startswith(_PASSING_STATES)
