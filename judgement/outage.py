"""Find outages: many candidates of one exam who lost their connection within seconds.

Pure: it gets the lost connections and the number of open ones, and returns which were lost together. It says nothing
about a single candidate, and no rule uses it for a flag.
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
    """One running attempt whose client is disconnected. `group` is the recorded outage that it belongs to."""

    attempt_id: UUID
    exam_id: UUID
    lost_at_ms: int
    group: UUID | None = None


class CohortOutage(msgspec.Struct, frozen=True):
    """Attempts of one exam that lost their connection together: `lost` of the `of` that were online, earliest first.

    `group` is the recorded outage that some of them belong to; None for a new one.
    """

    exam_id: UUID
    group: UUID | None
    attempts: tuple[UUID, ...]
    of: int

    @property
    def lost(self) -> int:
        """Return how many were lost."""
        return len(self.attempts)


def find_cohort_outages(
    losses: Sequence[Loss],
    online: Mapping[UUID, int],
    *,
    within_ms: int = WITHIN_MS,
    least: int = LEAST,
    share: float = SHARE,
) -> list[CohortOutage]:
    """Find the losses that happened together. `online` is the number of connected attempts of each exam now.

    Together means: within `within_ms` of one another, at least `least` of them, and at least the `share` of those that
    were online before. Overlapping windows are one outage.
    """
    found = []
    ordered = sorted(losses, key=lambda loss: (loss.exam_id.int, loss.lost_at_ms, loss.attempt_id.int))
    for exam_id, group in groupby(ordered, attrgetter("exam_id")):
        of_exam = list(group)
        online_now = online.get(exam_id, 0)
        for first, end in _windows(of_exam, online_now, within_ms, least, share):
            found.append(_cohort_outage(exam_id, of_exam[first:end], online_now))
    return found


def _windows(
    losses: Sequence[Loss], online_now: int, within_ms: int, least: int, share: float
) -> list[tuple[int, int]]:
    """Find the ranges of one exam's losses, in the order of time, that happened together."""
    windows: list[tuple[int, int]] = []
    end = 0
    for first, loss in enumerate(losses):
        while end < len(losses) and losses[end].lost_at_ms <= loss.lost_at_ms + within_ms:
            end += 1
        count = end - first
        if count < least or count < share * (online_now + count):
            continue
        if windows and first < windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((first, end))
    return windows


def _cohort_outage(exam_id: UUID, losses: Sequence[Loss], online_now: int) -> CohortOutage:
    group = next((loss.group for loss in losses if loss.group is not None), None)
    return CohortOutage(exam_id, group, tuple(loss.attempt_id for loss in losses), online_now + len(losses))
