"""Stage 9 of 9: what one console has still to be sent, in which order, how much, and what becomes of a slow one.

Answers first, then boards part by part, then deltas. Deltas are never dropped one by one: over the bound all of them go
and every board is shown anew. Pure: time comes with every call, in seconds; nothing is sent here.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from hub.sockets import Frame, size_of

DELTA_BYTES: Final = 1024 * 1024
ANSWER_BYTES: Final = 256 * 1024
"""Answers to its own frames that a console may leave unread; one more and it is too slow. An answer larger than half of
it, such as the result of an order to thousands, counts for half: it alone makes nobody slow."""

LIVE_ROOM_BYTES: Final = 64 * 1024
"""Live values do not queue behind more than this: they are latest values, the next ones will do."""

RESYNC_EVERY_S: Final = 10.0
SETTLE_S: Final = 1.0
"""A board is shown anew no sooner after an overflow: in the middle of a burst it would overflow again."""

OVERFLOWS_S: Final = 60.0
OVERFLOWS: Final = 3
"""The third overflow within the minute, and never caught up in between: too slow."""


class _View:
    """One watched board: its frames still to be built, and the last offset that is queued or in those frames."""

    def __init__(self) -> None:
        self.opening: Iterator[Frame] | None = None
        self.offset = 0
        self.lost = True
        """Has no place on the board: not opened yet, or its deltas were dropped."""
        self.wants_all = True
        """Must be shown all live values, not just those that changed."""
        self.focus: frozenset[int] = frozenset()
        self.refocused = False


class Backlog:
    """One console's; `too_slow` says that it must be closed."""

    def __init__(self, delta_bytes: int = DELTA_BYTES) -> None:
        self.too_slow = False
        self._room = delta_bytes
        self._answers: deque[Frame] = deque()
        self._answers_size = 0
        self._answers_weight = 0
        self._views: dict[UUID, _View] = {}
        self._deltas: deque[tuple[UUID, Frame, int]] = deque()
        self._deltas_size = 0
        self._overflows: deque[float] = deque(maxlen=OVERFLOWS)
        self._overflown: set[UUID] = set()
        self._resynced_s = -RESYNC_EVERY_S

    @property
    def size(self) -> int:
        """Bytes waiting; a board that is being sent is not among them, it is built part by part."""
        return self._answers_size + self._deltas_size

    @property
    def watched(self) -> list[UUID]:
        """The exams this console watches."""
        return list(self._views)

    def watch(self, exam_id: UUID) -> None:
        """Expect a board; watching again means beginning anew."""
        self.unwatch(exam_id)
        self._views[exam_id] = _View()

    def unwatch(self, exam_id: UUID) -> None:
        """Forget a board and all that waits of it."""
        if self._views.pop(exam_id, None) is not None:
            self._overflown.discard(exam_id)
            self._drop(exam_id)

    def answer(self, frame: Frame) -> None:
        """Queue an answer to something the console sent."""
        self.too_slow |= self._answers_weight >= ANSWER_BYTES
        if not self.too_slow:
            self._answers.append(frame)
            self._count_answer(frame, 1)

    def open(self, exam_id: UUID, offset: int, frames: Iterator[Frame]) -> None:
        """Show a board from these frames on, which bring it to `offset`; what waited of it before is void."""
        view = self._views.get(exam_id)
        if view is None:
            return
        self._drop(exam_id)
        self._overflown.discard(exam_id)
        view.opening, view.offset = frames, offset
        view.lost, view.wants_all = False, True

    def deliver(self, exam_id: UUID, offset: int, frame: Frame, now_s: float) -> None:
        """Queue one delta, unless the board's frames hold it already or the console has lost its place."""
        view = self._views.get(exam_id)
        if view is None or view.lost or offset <= view.offset:
            return
        view.offset = offset
        if not self._put(exam_id, frame):
            self._overflow(now_s)

    def focus_on(self, exam_id: UUID, ixs: frozenset[int]) -> bool:
        """Look at these attempts closely, and at no others; False when their board is not watched."""
        view = self._views.get(exam_id)
        if view is None:
            return False
        view.focus, view.refocused = ixs, True
        return True

    def focus(self, exam_id: UUID) -> frozenset[int]:
        """Which attempts are looked at closely."""
        view = self._views.get(exam_id)
        return frozenset() if view is None else view.focus

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        """Which of them must be shown now: those that changed, or all when they were chosen anew."""
        view = self._views.get(exam_id)
        if view is None:
            return frozenset()
        refocused, view.refocused = view.refocused, False
        return view.focus if refocused else view.focus & changed

    def show(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Queue live values if they would be sent soon; else all of them are wanted later."""
        view = self._views.get(exam_id)
        if view is None or not frames:
            return
        # Asked once for all frames: else those at the end of a large exam would be left out each time.
        can_show = self.can_show(exam_id)
        view.wants_all |= not (can_show and all(self._put(exam_id, frame) for frame in frames))

    def show_all(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Queue all live values."""
        view = self._views.get(exam_id)
        if view is not None:
            view.wants_all = False
            self.show(exam_id, frames)

    def can_show(self, exam_id: UUID) -> bool:
        """Whether live values would be sent soon, and their board before them."""
        view = self._views.get(exam_id)
        return view is not None and not view.lost and view.opening is None and self._deltas_size <= LIVE_ROOM_BYTES

    def wants_all(self, exam_id: UUID) -> bool:
        """Whether some live values were left out, or none were shown yet."""
        view = self._views.get(exam_id)
        return view is not None and view.wants_all

    def take(self) -> Frame | None:
        """The next frame to send, or None when nothing waits."""
        answer = self.take_answer()
        if answer is not None:
            return answer
        for view in self._views.values():
            if view.opening is not None:
                frame = next(view.opening, None)
                if frame is not None:
                    return frame
                view.opening = None
        if not self._deltas:
            if not any(view.lost for view in self._views.values()):
                self._overflows.clear()  # it has caught up
            return None
        _, frame, size = self._deltas.popleft()
        self._deltas_size -= size
        return frame

    def take_answer(self) -> Frame | None:
        """The next answer, or None: what may still leave when the socket is about to close."""
        if not self._answers:
            return None
        frame = self._answers.popleft()
        self._count_answer(frame, -1)
        return frame

    def resync_at(self) -> float | None:
        """When boards whose deltas were dropped may be shown anew, or None when there are none."""
        return max(self._overflows[-1] + SETTLE_S, self._resynced_s + RESYNC_EVERY_S) if self._overflown else None

    def take_due(self, now_s: float) -> list[UUID]:
        """The boards to be shown anew now."""
        at = self.resync_at()
        if at is None or now_s < at:
            return []
        self._resynced_s = now_s
        due, self._overflown = list(self._overflown), set()
        return due

    def _count_answer(self, frame: Frame, times: int) -> None:
        size = size_of(frame)
        self._answers_size += times * size
        self._answers_weight += times * min(size, ANSWER_BYTES // 2)

    def _put(self, exam_id: UUID, frame: Frame) -> bool:
        size = size_of(frame)
        if self._deltas_size + size > self._room:
            return False
        self._deltas.append((exam_id, frame, size))
        self._deltas_size += size
        return True

    def _overflow(self, now_s: float) -> None:
        self._deltas.clear()
        self._deltas_size = 0
        for exam_id, view in self._views.items():
            if not view.lost:
                view.lost, view.opening = True, None
                self._overflown.add(exam_id)
        self._overflows.append(now_s)
        if len(self._overflows) == OVERFLOWS and now_s - self._overflows[0] < OVERFLOWS_S:
            self.too_slow = True

    def _drop(self, exam_id: UUID) -> None:
        kept = [item for item in self._deltas if item[0] != exam_id]
        self._deltas = deque(kept)
        self._deltas_size = sum(size for _, _, size in kept)
