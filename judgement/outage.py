"""Cohort losses: many candidates of one exam gone within seconds are one outage, not many silences.

Pure: who is gone, since when, and how many are online come in; which of them were lost together comes out. It
concludes nothing about anybody, and no flag ever rests on it.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

import msgspec

WITHIN_MS: Final = 10_000
LEAST: Final = 5
SHARE: Final = 0.3


class Loss(msgspec.Struct, frozen=True):
    """One running attempt whose client is gone; `group` is the outage this was already stated to be part of."""

    attempt_id: UUID
    exam_id: UUID
    lost_at_ms: int
    group: UUID | None = None


class Cohort(msgspec.Struct, frozen=True):
    """Attempts of one exam lost together: `lost` of the `of` that were online before, earliest first.

    `group` is the outage some of them were already stated to be part of, None for a new one.
    """

    exam_id: UUID
    group: UUID | None
    attempts: tuple[UUID, ...]
    of: int

    @property
    def lost(self) -> int:
        """How many were lost."""
        return len(self.attempts)


def find_cohorts(
    losses: Sequence[Loss],
    online: Mapping[UUID, int],
    *,
    within_ms: int = WITHIN_MS,
    least: int = LEAST,
    share: float = SHARE,
) -> list[Cohort]:
    """Name the losses that came together; `online` says how many of each exam are connected now.

    Together means: within `within_ms` of one another, at least `least` of them, and at least `share` of those that
    were online until then. Windows that overlap are one outage.
    """
    found = []
    ordered = sorted(losses, key=lambda loss: (loss.exam_id.int, loss.lost_at_ms, loss.attempt_id.int))
    for exam_id, group in groupby(ordered, attrgetter("exam_id")):
        of_exam = list(group)
        still = online.get(exam_id, 0)
        for first, end in _windows(of_exam, still, within_ms, least, share):
            found.append(_cohort(exam_id, of_exam[first:end], still))
    return found


def _windows(losses: Sequence[Loss], still: int, within_ms: int, least: int, share: float) -> list[tuple[int, int]]:
    """The stretches of one exam's losses, in the order of time, that came together."""
    windows: list[tuple[int, int]] = []
    end = 0
    for first, loss in enumerate(losses):
        while end < len(losses) and losses[end].lost_at_ms <= loss.lost_at_ms + within_ms:
            end += 1
        count = end - first
        if count < least or count < share * (still + count):
            continue
        if windows and first < windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((first, end))
    return windows


def _cohort(exam_id: UUID, losses: Sequence[Loss], still: int) -> Cohort:
    group = next((loss.group for loss in losses if loss.group is not None), None)
    return Cohort(exam_id, group, tuple(loss.attempt_id for loss in losses), still + len(losses))
