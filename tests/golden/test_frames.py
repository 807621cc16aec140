"""Bytes that were on the wire once are read for ever, and what is written now is written so.

`frames.json` has every frame of both sockets in both encodings, MessagePack in hexadecimal. A new field with a default
changes what is written: then append the frame as it is written now, and mark the one before `"old": true`.
"""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from protocol import console, monitor
from protocol.codec import Encoding, decode_console, decode_to_candidate, decode_to_console, encode

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "frames.json").read_text(encoding="utf-8"))
FRAMES: dict[tuple[str, str], Any] = {
    ("monitor", "client"): monitor.CandidateFrame,
    ("monitor", "hub"): monitor.HubFrame,
    ("console", "client"): console.ConsoleFrame,
    ("console", "hub"): console.HubFrame,
}


def name_of(golden: dict[str, Any]) -> str:
    frame = json.loads(golden["json"])
    return f"{golden['socket']} {golden['from']} {frame['t']} {frame.get('kind', '')}".strip()


def read(golden: dict[str, Any], encoding: Encoding) -> Any:
    shape = FRAMES[golden["socket"], golden["from"]]
    if encoding is Encoding.JSON:
        return msgspec.json.decode(golden["json"], type=shape)
    return msgspec.msgpack.decode(bytes.fromhex(golden["msgpack"]), type=shape)


def plain(frame: Any, encoding: Encoding) -> Any:
    """A frame as plain values, the same for both encodings."""
    if isinstance(frame, console.Delta):
        decode = msgspec.json.decode if encoding is Encoding.JSON else msgspec.msgpack.decode
        return frame.exam_id, frame.offset, decode(frame.body, type=console.ROWS[frame.kind])
    return frame


@pytest.mark.parametrize("golden", GOLDEN, ids=name_of)
def test_bytes_of_any_version_are_read_and_say_the_same_in_both_encodings(golden: dict[str, Any]) -> None:
    text, packed = (plain(read(golden, encoding), encoding) for encoding in Encoding)
    assert text == packed


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("golden", [golden for golden in GOLDEN if not golden.get("old")], ids=name_of)
def test_frames_are_written_byte_for_byte(golden: dict[str, Any], encoding: Encoding) -> None:
    written = encode(read(golden, encoding), encoding)
    assert written == (golden["json"] if isinstance(written, str) else bytes.fromhex(golden["msgpack"]))


@pytest.mark.parametrize(("way", "shape"), FRAMES.items(), ids=lambda case: " ".join(case) if case in FRAMES else "")
def test_every_frame_and_every_field_of_it_has_its_bytes(way: tuple[str, str], shape: Any) -> None:
    golden = [json.loads(golden["json"]) for golden in GOLDEN if (golden["socket"], golden["from"]) == way]
    for frame in get_args(shape):
        config = msgspec.inspect.type_info(frame)
        assert isinstance(config, msgspec.inspect.StructType)
        samples = [sample for sample in golden if sample["t"] == config.tag]
        assert samples, f"no bytes of {frame.__name__}"
        for field in config.fields:
            assert any(sample.get(field.encode_name) is not None for sample in samples), (
                f"{frame.__name__}.{field.name}"
            )


def test_every_kind_of_row_has_its_bytes() -> None:
    assert {json.loads(golden["json"]).get("kind") for golden in GOLDEN} - {None} == set(console.ROWS)


@pytest.mark.parametrize("golden", GOLDEN, ids=name_of)
def test_a_field_of_a_later_version_is_skipped(golden: dict[str, Any]) -> None:
    later: dict[str, Any] = json.loads(golden["json"]) | {"of_a_later_version": [{"x": None}]}
    shape = FRAMES[golden["socket"], golden["from"]]
    frame = msgspec.json.decode(json.dumps(later), type=shape)
    assert plain(frame, Encoding.JSON) == plain(read(golden, Encoding.JSON), Encoding.JSON)


@pytest.mark.parametrize(
    "golden", [golden for golden in GOLDEN if (golden["socket"], golden["from"]) != ("monitor", "client")], ids=name_of
)
def test_the_codec_reads_the_same(golden: dict[str, Any]) -> None:
    decode: Any = {
        ("monitor", "hub"): decode_to_candidate,
        ("console", "client"): decode_console,
        ("console", "hub"): decode_to_console,
    }[golden["socket"], golden["from"]]
    assert decode(golden["json"], Encoding.JSON) == read(golden, Encoding.JSON)
    assert decode(bytes.fromhex(golden["msgpack"]), Encoding.MSGPACK) == read(golden, Encoding.MSGPACK)
