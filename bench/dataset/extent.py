"""How many rows a dataset has. Pure."""

from math import sqrt
from typing import Final

import msgspec

_FULL: Final = ((20, 5_000), (60, 2_000), (960, 600), (960, 213))
_STUDENTS: Final = 100_000
_TEACHERS: Final = 500
_LONG: Final = 20_000


class DatasetExtent(msgspec.Struct, frozen=True):
    """Students, teachers, exams by their seats, the events of the longest attempt, and audited actions an attempt."""

    students: int
    teachers: int
    exams: tuple[tuple[int, int], ...]
    """Pairs `(exams, seats)`, the largest first."""
    longest: int
    audited: int = 2

    @property
    def attempts(self) -> int:
        """Seats of all exams: each student attempts it once."""
        return sum(exams * seats for exams, seats in self.exams)


def extent_of(size: float) -> DatasetExtent:
    """Return the extent of a dataset of this size; 1 is the full size. Both exams and seats shrink with its root."""
    part = sqrt(size)
    exams = tuple((max(round(count * part), 1), max(round(seats * part), 2)) for count, seats in _FULL)
    largest = max(seats for _, seats in exams)
    return DatasetExtent(
        students=max(round(_STUDENTS * size), 2 * largest),
        teachers=max(round(_TEACHERS * part), 20),
        exams=exams,
        longest=max(round(_LONG * part), 100),
    )
