"""Select the instructions that a session sends now: new ones first, then again those without a `done`.

Pure: sends nothing and has no clock.
"""

from collections.abc import Sequence
from typing import Final

from protocol.codec import measure
from protocol.monitor import Instruct

SEND_BYTES: Final = 64 * 1024
"""How many bytes are sent at once; with the welcome they must fit in the outbox. The next poll brings the rest."""


class InstructionSchedule:
    """The instructions that one session has sent, and when each is sent again."""

    def __init__(self, repeat_ms: int) -> None:
        self._repeat_after_ms = repeat_ms
        self._repeat_at_ms: dict[int, int | None] = {}
        """By instruction id; None once the client has sent `done`."""

    def take_due(self, pending: Sequence[Instruct], now_ms: int) -> list[Instruct]:
        """Return the pending instructions to send now, at most `SEND_BYTES` of them but at least one."""
        due = [instruction for instruction in pending if self._is_due(instruction.id, now_ms)]
        due.sort(key=lambda instruction: instruction.id in self._repeat_at_ms)
        taken: list[Instruct] = []
        left = SEND_BYTES
        for instruction in due:
            left -= measure(instruction)
            if left < 0 and taken:
                break
            self._repeat_at_ms[instruction.id] = now_ms + self._repeat_after_ms
            taken.append(instruction)
        return taken

    def has_sent(self, instruction: int) -> bool:
        """Return whether this session has sent the instruction."""
        return instruction in self._repeat_at_ms

    def finish(self, instruction: int) -> bool:
        """Send an instruction no more: the client has sent `done`. Returns whether that is new."""
        if self._repeat_at_ms.get(instruction) is None:
            return False
        self._repeat_at_ms[instruction] = None
        return True

    def _is_due(self, instruction: int, now_ms: int) -> bool:
        repeat_at_ms = self._repeat_at_ms.get(instruction, now_ms)
        return repeat_at_ms is not None and now_ms >= repeat_at_ms
