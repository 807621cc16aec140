"""The plan of a crowd: same seed, same frames; a planted paste comes after an absence."""

from collections import Counter

import msgspec
import pytest

from bench.load.crowd import CrowdRequest, network, plan
from bench.load.seat import masked


def request(**changes: object) -> CrowdRequest:
    return msgspec.structs.replace(CrowdRequest(port=1, seats=[], rate=2.0, seconds=60.0), **changes)


def events_of(wire: bytes) -> list[dict[str, object]]:
    size = wire[1] & 0x7F
    payload = wire[8:] if size == 126 else wire[6:]
    events: list[dict[str, object]] = msgspec.json.decode(payload)["events"]
    return events


@pytest.mark.parametrize("variant", range(4))
def test_the_same_seed_plans_the_same_frames(variant: int) -> None:
    assert plan(request(), variant, mono_ms=5, at_ms=9) == plan(request(), variant, mono_ms=5, at_ms=9)


@pytest.mark.parametrize("variant", [0, 1])
def test_seats_send_one_or_two_events_in_a_frame(variant: int) -> None:
    frames = plan(request(), variant, mono_ms=0, at_ms=0)
    assert {len(frame.marks) for frame in frames} == {1 + variant}
    assert frames[-1].last_seq == 120


@pytest.mark.parametrize("seconds", [5.0, 8.0, 60.0])
def test_a_planted_paste_comes_once_and_after_an_absence(seconds: float) -> None:
    frames = plan(request(seconds=seconds), 3, mono_ms=0, at_ms=0, pastes=True)
    kinds = [event["type"] for frame in frames for event in events_of(frame.wire)]
    assert Counter(kinds)["paste"] == 1
    assert kinds.index("tab_hidden") < kinds.index("tab_visible") < kinds.index("paste")
    assert sum(frame.is_planted for frame in frames) == 1


def test_seats_come_from_different_networks() -> None:
    assert len({network(number) for number in range(10_000)}) == 10_000


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_masked_frame_keeps_its_payload(size: int) -> None:
    assert masked(0x81, b"x" * size).endswith(b"x" * size)
    assert masked(0x81, b"")[1] & 0x80
