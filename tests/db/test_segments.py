"""Segments against a model: a stream stays without holes and overlaps."""

import json
from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from db.segments import Segment, make_segment, split_segments
from protocol.events import Batch, Entry, lost_entry

STREAM, OTHER = UUID(int=1), UUID(int=2)
Tile = tuple[int, int]


def entry(seq: int) -> Entry:
    return Entry(seq, "copy", 0, seq, "{}")


def batch(first: int, sizes: Sequence[int]) -> Batch:
    """Contiguous numbers from `first`: a size of 1 is an event, a larger one a span of lost numbers."""
    entries = []
    seq = first - 1
    for size in sizes:
        seq += size
        entries.append(entry(seq) if size == 1 else lost_entry(seq - size + 1, seq, "overflow"))
    return Batch(first, seq, tuple(entries), 1)


def first_of(row: Entry) -> int:
    return int(json.loads(row.payload)["from"]) if row.type == "events_lost" else row.seq


def tiles(segments: Sequence[Segment]) -> list[Tile]:
    return [(first_of(row), row.seq) for segment in segments for row in segment.entries]


def is_tiled(found: Sequence[Tile], first: int, last: int) -> bool:
    numbers = [number for start, end in found for number in range(start, end + 1)]
    return numbers == list(range(first, last + 1))


sizes = st.lists(st.sampled_from([1, 1, 1, 2, 3, 7]), min_size=1, max_size=12)


@given(st.integers(1, 50), sizes)
def test_a_segment_covers_its_numbers_once_and_begins_with_its_own_row(first: int, sizes: list[int]) -> None:
    laid = make_segment(STREAM, batch(first, sizes))
    assert is_tiled(tiles([laid]), first, first + sum(sizes) - 1)
    assert laid.entries[0].seq == laid.first_seq == first


@given(st.integers(1, 50), sizes)
def test_the_first_number_of_every_tile_that_was_sent_has_a_row(first: int, sizes: list[int]) -> None:
    rows = {row.seq for row in make_segment(STREAM, batch(first, sizes)).entries}
    starts = [first + sum(sizes[:index]) for index in range(len(sizes))]
    assert rows.issuperset(starts)


@given(sizes, st.data())
def test_missing_numbers_continue_at_the_head_without_hole_or_overlap(sizes: list[int], data: st.DataObject) -> None:
    last = sum(sizes)
    head = data.draw(st.integers(0, last + 3))
    first = data.draw(st.integers(1, head + 1))
    laid = make_segment(STREAM, batch(first, sizes))
    split = split_segments([laid], {STREAM: head})
    end = first + last - 1
    assert not split.holes
    assert is_tiled(tiles(split.missing), head + 1, max(end, head))
    assert all(row.seq <= head for segment in split.known for row in segment.entries)
    # A span cut in two by the head has a row more: the number after the head always has its own row.
    if split.missing:
        assert split.missing[0].entries[0].seq == head + 1
    rows = sum(len(segment.entries) for segment in split.known + split.missing)
    assert rows - len(laid.entries) in (0, 1)


@given(st.integers(0, 20), st.integers(2, 20), sizes)
def test_a_segment_that_begins_beyond_the_head_is_a_hole(head: int, distance: int, sizes: list[int]) -> None:
    hole = make_segment(STREAM, batch(head + distance, sizes))
    neighbour = make_segment(OTHER, batch(1, sizes))
    split = split_segments([hole, neighbour], {STREAM: head, OTHER: 0})
    assert split.holes == {STREAM}
    assert split.missing == [neighbour]


def test_two_sessions_with_the_same_numbers_store_them_once() -> None:
    older, newer = make_segment(STREAM, batch(3, [1, 1, 1])), make_segment(STREAM, batch(3, [1, 1, 1, 1, 1]))
    split = split_segments([older, newer], {STREAM: 2})
    assert is_tiled(tiles(split.missing), 3, 7)
    assert tiles(split.known) == [(3, 3), (4, 4), (5, 5)]


def test_a_span_keeps_its_reason_and_only_what_is_lost() -> None:
    split = split_segments([make_segment(STREAM, Batch(3, 9, (lost_entry(3, 9, "overflow"),), 1))], {STREAM: 5})
    assert [(row.seq, row.payload) for row in split.missing[0].entries] == [
        (6, '{"from":6,"reason":"overflow"}'),
        (9, '{"from":7,"reason":"overflow"}'),
    ]
