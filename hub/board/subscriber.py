"""Interfaces between boards and consoles: what a follower and the live broadcast call on a console.

Nothing here waits or knows about sockets.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from hub.board.board import Board
from hub.sockets import Frame
from protocol.codec import Encoding
from protocol.console import Delta


class LiveSubscriber(Protocol):
    """A console that shows live values. Every method returns at once."""

    encoding: Encoding

    def needs_all_values(self, exam_id: UUID) -> bool:
        """Return whether the console needs all live values and can receive them now."""

    def send_values(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Queue live values that changed."""

    def send_all_values(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Queue all live values."""

    def focus(self, exam_id: UUID) -> frozenset[int]:
        """Return the attempts in focus, by `ix`."""

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        """Return the attempts in focus to send now: those in `changed`, or all after the focus has changed."""


class Subscriber(LiveSubscriber, Protocol):
    """A console that also watches boards. Every method returns at once."""

    def open_board(self, board: Board, reason: str | None) -> None:
        """Show this board from the start; `reason` tells why if the console already had it."""

    def resume_board(self, board: Board, missed: Sequence[Delta]) -> None:
        """Continue a board that lacks only these rows; they may reach beyond the board's own offset."""

    def send_delta(self, exam_id: UUID, offset: int, frame: Frame) -> None:
        """Queue one encoded delta; offsets are consecutive."""


class Subscriptions(Protocol):
    """The consoles that watch each exam: `hub.board.feeds.Feeds`."""

    def watched(self) -> Iterable[tuple[UUID, Iterable[LiveSubscriber]]]:
        """Return every watched exam with its consoles."""


def focus_of(exam_id: UUID, subscribers: Iterable[LiveSubscriber]) -> frozenset[int]:
    """Return the attempts that any of these consoles has in focus."""
    return frozenset[int]().union(*(subscriber.focus(exam_id) for subscriber in subscribers))
