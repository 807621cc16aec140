"""What can go wrong for a client; it says nothing about sockets that are merely lost, which are opened again.

ClientError
├── Unsendable              an event that cannot be put on the wire; it was given no number
├── NotDrained              some events were not acknowledged in time; they are still in the queue
├── HubFault                the hub said what it cannot mean; nothing is dropped on its word
└── ClosedForGood           the hub closed the socket with a code after which a client must not come back by itself
    ├── Unauthenticated     4401: sign in again
    ├── Forbidden           4403: this attempt or exam is not yours
    ├── Superseded          4409: another connection of the attempt took over; offer "continue here"
    ├── Ended               4410: the attempt is over
    └── Refused             any other final code: what we sent was not the protocol
"""

from protocol.codes import CloseCode


class ClientError(Exception):
    """Something a client could not do."""


class Unsendable(ClientError):
    """An event cannot be put on the wire; it was given no number."""


class NotDrained(ClientError):
    """Some events were not acknowledged in time; they are still in the queue."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} recorded events are not acknowledged yet")
        self.left = left


class HubFault(ClientError):
    """The hub said what it cannot mean, such as acknowledging what was never sent."""


class ClosedForGood(ClientError):
    """The socket was closed with a final code: `code`, and in words what the hub said about it."""

    def __init__(self, code: int, detail: str = "") -> None:
        try:
            name = CloseCode(code).reason
        except ValueError:
            name = "closed"
        super().__init__(f"{name} ({code}){': ' if detail else ''}{detail}")
        self.code = code


class Unauthenticated(ClosedForGood):
    """The ticket or the sign-in behind it is no longer good."""


class Forbidden(ClosedForGood):
    """The attempt, stream or exam belongs to somebody else."""


class Superseded(ClosedForGood):
    """A newer connection of the same attempt took over."""


class Ended(ClosedForGood):
    """The attempt is over and has all it will take."""


class Refused(ClosedForGood):
    """What was sent is not the protocol, or too large."""


_BY_CODE: dict[int, type[ClosedForGood]] = {
    CloseCode.UNAUTHENTICATED: Unauthenticated,
    CloseCode.FORBIDDEN: Forbidden,
    CloseCode.SUPERSEDED: Superseded,
    CloseCode.ENDED: Ended,
}


def closed_for_good(code: int, detail: str = "") -> ClosedForGood:
    """The error of a final close code."""
    return _BY_CODE.get(code, Refused)(code, detail)
