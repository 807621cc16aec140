"""A seat's frames are what a websocket library reads."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from bench.load.seat import masked, wire_of
from protocol.codec import Encoding, decode_candidate
from protocol.monitor import Ping


def read(wire: bytes) -> Frame:
    reader = StreamReader()
    reader.feed_data(wire)
    parsing = Frame.parse(reader.read_exact, mask=True, max_size=None)
    with pytest.raises(StopIteration) as end:
        next(parsing)
    frame: Frame = end.value.value
    return frame


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_payload_of_any_size_is_one_masked_frame(size: int) -> None:
    frame = read(masked(0x81, b"x" * size))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, b"x" * size)


def test_a_frame_of_the_protocol_arrives_as_it_was() -> None:
    assert decode_candidate(bytes(read(wire_of(Ping(7))).data).decode(), Encoding.JSON) == Ping(7)
