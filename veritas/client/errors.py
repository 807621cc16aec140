"""Errors of the client. A lost socket is not an error: it is opened again.

ClientError
├── Unsendable              the event cannot be encoded; it got no number
├── NotDrained              some events were not acknowledged in time; they stay in the queue
├── HubFault                the hub broke the protocol; the queue drops nothing
└── ClosedForGood           the hub closed the socket with a final code: the client must not reconnect by itself
    ├── Unauthenticated     4401: sign in again
    ├── Forbidden           4403: no access to this attempt or exam
    ├── Superseded          4409: another connection of the attempt took over; offer "continue here"
    ├── Ended               4410: the attempt is over
    └── Refused             any other final code: the client broke the protocol
"""

from protocol.codes import CloseCode


class ClientError(Exception):
    """Base class of the client's errors."""


class Unsendable(ClientError):
    """The event cannot be encoded; it got no number."""


class NotDrained(ClientError):
    """Some events were not acknowledged in time; they stay in the queue."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} recorded events are not acknowledged yet")
        self.left = left


class HubFault(ClientError):
    """The hub broke the protocol, for example acknowledged numbers that were never sent."""


class ClosedForGood(ClientError):
    """The socket was closed with a final code: `code`, and the hub's explanation."""

    def __init__(self, code: int, detail: str = "") -> None:
        try:
            name = CloseCode(code).reason
        except ValueError:
            name = "closed"
        super().__init__(f"{name} ({code}){': ' if detail else ''}{detail}")
        self.code = code


class Unauthenticated(ClosedForGood):
    """The ticket or the sign-in is not valid any more."""


class Forbidden(ClosedForGood):
    """No access to this attempt, stream or exam."""


class Superseded(ClosedForGood):
    """A newer connection of the same attempt took over."""


class Ended(ClosedForGood):
    """The attempt has ended and accepts nothing more."""


class Refused(ClosedForGood):
    """The client broke the protocol or sent too much."""


_BY_CODE: dict[int, type[ClosedForGood]] = {
    CloseCode.UNAUTHENTICATED: Unauthenticated,
    CloseCode.FORBIDDEN: Forbidden,
    CloseCode.SUPERSEDED: Superseded,
    CloseCode.ENDED: Ended,
}


def closed_for_good(code: int, detail: str = "") -> ClosedForGood:
    """Return the error for a final close code."""
    return _BY_CODE.get(code, Refused)(code, detail)
