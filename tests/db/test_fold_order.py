import json
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from db.fold_order import Run, StreamClaim, follows, interleave, last_folded, runs_of, until_hole
from protocol.events import StoredEvent

A, B, C = (UUID(int=n) for n in (1, 2, 3))


def event(seq: int, *, stream: UUID = A, server_ms: int = 0, kind: str = "alive", data: bytes = b"{}") -> StoredEvent:
    return StoredEvent(stream, seq, kind, 0, 0, server_ms, data)


def lost(first: int, last: int) -> StoredEvent:
    return event(last, kind="events_lost", data=json.dumps({"from": first, "reason": "overflow"}).encode())


def stream(position: int = 0) -> StreamClaim:
    return StreamClaim(A, "client", 0, position)


def numbers(events: list[StoredEvent]) -> list[tuple[UUID, int]]:
    return [(event.stream_id, event.seq) for event in events]


def test_events_without_a_hole_are_all_taken() -> None:
    events = [event(4), event(5), event(6)]
    assert until_hole(stream(3), events) == (events, None)


def test_a_hole_ends_what_is_taken_and_is_named() -> None:
    events = [event(4), event(5), event(8)]
    assert until_hole(stream(3), events) == (events[:2], 6)


def test_a_hole_right_after_the_position_leaves_nothing() -> None:
    assert until_hole(stream(3), [event(5)]) == ([], 4)


def test_numbers_declared_lost_are_no_hole() -> None:
    events = [event(1), lost(2, 5), event(6)]
    assert until_hole(stream(), events) == (events, None)


def test_numbers_before_a_declared_loss_may_still_be_a_hole() -> None:
    events = [event(1), lost(3, 5), event(6)]
    assert until_hole(stream(), events) == (events[:1], 2)


def test_streams_are_merged_as_postgresql_saw_them() -> None:
    a = [event(1, server_ms=10), event(2, server_ms=30)]
    b = [event(1, stream=B, server_ms=20), event(2, stream=B, server_ms=40)]
    assert numbers(interleave([a, b], 100)) == [(A, 1), (B, 1), (A, 2), (B, 2)]


def test_events_seen_at_once_keep_the_order_of_their_streams() -> None:
    a, b = [event(1, server_ms=10)], [event(1, stream=B, server_ms=10)]
    assert numbers(interleave([a, b], 100)) == [(A, 1), (B, 1)]


def test_events_after_a_partly_read_stream_wait() -> None:
    part = [event(1, server_ms=10), event(2, server_ms=20)]
    other = [event(1, stream=B, server_ms=15), event(2, stream=B, server_ms=25)]
    assert numbers(interleave([part, other], 2)) == [(A, 1), (B, 1), (A, 2)]


@st.composite
def streams(draw: st.DrawFn) -> list[list[StoredEvent]]:
    found = []
    for stream_id in draw(st.lists(st.sampled_from([A, B, C]), unique=True, max_size=3)):
        times = draw(st.lists(st.integers(0, 50), max_size=12))
        found.append([event(seq, stream=stream_id, server_ms=ms) for seq, ms in enumerate(times, 1)])
    return found


@given(streams(), st.integers(1, 12))
def test_every_stream_stays_in_its_own_order_and_something_is_always_taken(
    parts: list[list[StoredEvent]], most: int
) -> None:
    parts = [part[:most] for part in parts]
    merged = interleave(parts, most)
    for part in parts:
        of_stream = [event for event in merged if part and event.stream_id == part[0].stream_id]
        assert of_stream == part[: len(of_stream)]
    assert bool(merged) == any(parts)


@given(streams())
def test_runs_describe_the_order(parts: list[list[StoredEvent]]) -> None:
    merged = interleave(parts, 100)
    listed = [(run.stream_id, seq) for run in runs_of(merged, None) for seq in range(run.first, run.last + 1)]
    assert listed == numbers(merged)


@given(streams(), st.integers(0, 36))
def test_runs_are_the_same_however_the_events_were_split(parts: list[list[StoredEvent]], at: int) -> None:
    merged = interleave(parts, 100)
    before, after = merged[:at], merged[at:]
    first = runs_of(before, None)
    second = runs_of(after, first[-1] if first else None)
    continues = bool(first and second and second[0].stream_id == first[-1].stream_id)
    assert (first[:-1] if continues else first) + second == runs_of(merged, None)


def test_a_run_continues_in_the_stream_in_which_it_ended() -> None:
    assert runs_of([event(3), event(1, stream=B)], Run(A, 1, 2)) == [Run(A, 1, 3), Run(B, 1, 1)]


def test_an_event_follows_when_it_leaves_no_number_out() -> None:
    assert follows(event(3), 3)
    assert not follows(event(4), 3)
    assert not follows(event(2), 3)
    assert follows(lost(3, 5), 3)
    assert not follows(lost(4, 5), 3)
    assert not follows(lost(1, 2), 3)


@given(streams(), st.integers(0, 36))
def test_the_last_events_of_an_order_are_found_again(parts: list[list[StoredEvent]], count: int) -> None:
    merged = interleave(parts, 100)
    order = runs_of(merged, None)
    # As PostgreSQL gives them: the last `count` of each stream; and no more runs than events.
    last = {part[0].stream_id: part[-count:] if count else [] for part in parts if part}
    assert last_folded(order[-count:] if count else [], last, count) == (merged[-count:] if count else [])


def test_missing_events_are_not_invented() -> None:
    order = [Run(A, 1, 2), Run(B, 1, 1), Run(A, 3, 3)]
    assert last_folded(order, {A: [event(1), event(3)], B: []}, 4) == [event(1), event(3)]
