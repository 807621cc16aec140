"""The result of a console's command as the answer to a REST request. Never carries out anything."""

from typing import Final

from db.errors import Conflict, Forbidden, NotFound, RequestError
from hub.errors import Busy
from protocol.codes import ErrorCode
from protocol.console import Result

_REFUSALS: Final[dict[str, type[RequestError]]] = {
    ErrorCode.FORBIDDEN: Forbidden,
    ErrorCode.NOT_FOUND: NotFound,
    ErrorCode.BUSY: Busy,
}


def raise_refusal(result: Result) -> None:
    """Raise the error of a command for one attempt or flag, unless it was carried out."""
    if result.code is not None:
        raise _REFUSALS.get(result.code, Conflict)(result.detail or "")
    outcome = result.outcomes[0]
    if outcome.ok:
        return
    if outcome.code in (ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND):
        raise _REFUSALS[outcome.code](outcome.detail or "")
    raise Conflict(outcome.detail or "", by=outcome.by, at=outcome.at)
