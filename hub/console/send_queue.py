"""Stage 9 of 9: what is queued for one console, in which order, how much, and what happens when it is slow.

Replies come first, then boards part by part, then deltas and live values. Single deltas are never dropped: over the
limit all of them are, and every board is sent again (docs/decisions/0019-when-a-console-is-too-slow.md). Pure: the
time is an argument, in seconds, and nothing is sent here.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from hub.sockets import Frame, size_of

DELTA_BYTES: Final = 1024 * 1024
REPLY_BYTES: Final = 256 * 1024
"""How many bytes of replies a console may leave unread; one more and it is too slow. A reply larger than half of it,
such as the result of a command to thousands of students, counts as half: alone it makes no console too slow."""

LIVE_BYTES: Final = 64 * 1024
"""Live values are not queued behind more than this: they are latest values, and the next ones follow soon."""

RESYNC_EVERY_S: Final = 10.0
SETTLE_S: Final = 1.0
"""A board is sent again at the earliest this long after an overflow: during a burst it would overflow again."""

OVERFLOWS_S: Final = 60.0
OVERFLOWS: Final = 3
"""The third overflow within a minute, without catching up in between, is too slow."""


class _WatchedBoard:
    """One watched board: its snapshot frames that are not sent yet, and the last offset that is queued or in them."""

    def __init__(self) -> None:
        self.snapshot: Iterator[Frame] | None = None
        self.offset = 0
        self.needs_snapshot = True
        """Not opened yet, or its deltas were dropped."""
        self.needs_all_values = True
        """All live values must be sent, not only those that changed."""
        self.focus: frozenset[int] = frozenset()
        self.focus_changed = False


class SendQueue:
    """The queue of one console; if `too_slow` is set, the console must be closed."""

    def __init__(self, delta_bytes: int = DELTA_BYTES) -> None:
        self.too_slow = False
        self._delta_bytes = delta_bytes
        self._replies: deque[Frame] = deque()
        self._replies_size = 0
        self._replies_weight = 0
        self._boards: dict[UUID, _WatchedBoard] = {}
        self._deltas: deque[tuple[UUID, Frame, int]] = deque()
        self._deltas_size = 0
        self._overflows: deque[float] = deque(maxlen=OVERFLOWS)
        self._overflowed: set[UUID] = set()
        self._resynced_s = -RESYNC_EVERY_S

    @property
    def size(self) -> int:
        """Bytes that are queued, without snapshots: those are built part by part."""
        return self._replies_size + self._deltas_size

    @property
    def watched(self) -> list[UUID]:
        """The exams that this console watches."""
        return list(self._boards)

    def watch(self, exam_id: UUID) -> None:
        """Expect a board; watching it again starts from the beginning."""
        self.unwatch(exam_id)
        self._boards[exam_id] = _WatchedBoard()

    def unwatch(self, exam_id: UUID) -> None:
        """Forget a board and what is queued of it."""
        if self._boards.pop(exam_id, None) is not None:
            self._drop(exam_id)
            self._overflowed.discard(exam_id)

    def reply(self, frame: Frame) -> None:
        """Queue a reply to one of the console's own frames; set `too_slow` if too many are unread."""
        self.too_slow |= self._replies_weight >= REPLY_BYTES
        if not self.too_slow:
            self._replies.append(frame)
            self._count_reply(frame, 1)

    def open(self, exam_id: UUID, offset: int, frames: Iterator[Frame]) -> None:
        """Send a board by these frames, which bring it to `offset`; drop what was queued of it before."""
        board = self._boards.get(exam_id)
        if board is None:
            return
        self._drop(exam_id)
        self._overflowed.discard(exam_id)
        board.snapshot, board.offset = frames, offset
        board.needs_snapshot, board.needs_all_values = False, True

    def send_delta(self, exam_id: UUID, offset: int, frame: Frame, now_s: float) -> None:
        """Queue one delta, unless the snapshot already contains it or the board needs a new snapshot."""
        board = self._boards.get(exam_id)
        if board is None or board.needs_snapshot or offset <= board.offset:
            return
        board.offset = offset
        if not self._put(exam_id, frame):
            self._overflow(now_s)

    def set_focus(self, exam_id: UUID, ixs: frozenset[int]) -> bool:
        """Replace the attempts in focus; return False if their board is not watched."""
        board = self._boards.get(exam_id)
        if board is None:
            return False
        board.focus, board.focus_changed = ixs, True
        return True

    def focus(self, exam_id: UUID) -> frozenset[int]:
        """Return the attempts in focus."""
        board = self._boards.get(exam_id)
        return frozenset() if board is None else board.focus

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        """Return the attempts in focus to send now: those in `changed`, or all after the focus has changed."""
        board = self._boards.get(exam_id)
        if board is None:
            return frozenset()
        focus_changed, board.focus_changed = board.focus_changed, False
        return board.focus if focus_changed else board.focus & changed

    def send_values(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Queue live values if they would be sent soon; otherwise all values are needed later."""
        board = self._boards.get(exam_id)
        if board is None or not frames:
            return
        # Checked once for all frames: otherwise the last frames of a large exam would be left out each time.
        can_send = self.can_send_values(exam_id)
        board.needs_all_values |= not (can_send and all(self._put(exam_id, frame) for frame in frames))

    def send_all_values(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Queue all live values."""
        board = self._boards.get(exam_id)
        if board is not None:
            board.needs_all_values = False
            self.send_values(exam_id, frames)

    def can_send_values(self, exam_id: UUID) -> bool:
        """Return whether live values would be sent soon, after their board."""
        board = self._boards.get(exam_id)
        if board is None or board.needs_snapshot or board.snapshot is not None:
            return False
        return self._deltas_size <= LIVE_BYTES

    def needs_all_values(self, exam_id: UUID) -> bool:
        """Return whether live values were left out, or none were sent yet."""
        board = self._boards.get(exam_id)
        return board is not None and board.needs_all_values

    def take(self) -> Frame | None:
        """Return the next frame to send, or None if nothing is queued."""
        reply = self.take_reply()
        if reply is not None:
            return reply
        for board in self._boards.values():
            if board.snapshot is not None:
                frame = next(board.snapshot, None)
                if frame is not None:
                    return frame
                board.snapshot = None
        if not self._deltas:
            if not any(board.needs_snapshot for board in self._boards.values()):
                self._overflows.clear()  # the console has caught up
            return None
        _, frame, size = self._deltas.popleft()
        self._deltas_size -= size
        return frame

    def take_reply(self) -> Frame | None:
        """Return the next reply, or None: replies may still be sent when the socket is about to close."""
        if not self._replies:
            return None
        frame = self._replies.popleft()
        self._count_reply(frame, -1)
        return frame

    def resync_at(self) -> float | None:
        """Return when boards whose deltas were dropped may be sent again, or None if there are none."""
        if not self._overflowed:
            return None
        return max(self._overflows[-1] + SETTLE_S, self._resynced_s + RESYNC_EVERY_S)

    def take_due(self, now_s: float) -> list[UUID]:
        """Return the boards to send again now."""
        at = self.resync_at()
        if at is None or now_s < at:
            return []
        self._resynced_s = now_s
        due, self._overflowed = list(self._overflowed), set()
        return due

    def _count_reply(self, frame: Frame, times: int) -> None:
        size = size_of(frame)
        self._replies_size += times * size
        self._replies_weight += times * min(size, REPLY_BYTES // 2)

    def _put(self, exam_id: UUID, frame: Frame) -> bool:
        size = size_of(frame)
        if self._deltas_size + size > self._delta_bytes:
            return False
        self._deltas.append((exam_id, frame, size))
        self._deltas_size += size
        return True

    def _overflow(self, now_s: float) -> None:
        self._deltas.clear()
        self._deltas_size = 0
        for exam_id, board in self._boards.items():
            if not board.needs_snapshot:
                board.needs_snapshot, board.snapshot = True, None
                self._overflowed.add(exam_id)
        self._overflows.append(now_s)
        if len(self._overflows) == OVERFLOWS and now_s - self._overflows[0] < OVERFLOWS_S:
            self.too_slow = True

    def _drop(self, exam_id: UUID) -> None:
        kept = [item for item in self._deltas if item[0] != exam_id]
        self._deltas = deque(kept)
        self._deltas_size = sum(size for _, _, size in kept)
