"""Any bytes in any order: no exception escapes codec or session, and every refusal has a code."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.monitor.session import CandidateSession, Close, Effect, Open, Phase, Send, Store
from protocol import limits, monitor
from protocol.codec import Encoding, decode_candidate, decode_to_candidate, encode
from protocol.codes import CloseCode, ErrorCode, RejectCode
from protocol.errors import ProtocolError
from tests.hub.monitor.session.sessions import HELLO, welcome

odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1, 1.5, 2**31, 2**53, 2**63, 2**64, 10**400, 1e308, float("nan"), "", "x" * 70, "\0", [], {}]
)
kinds = st.sampled_from(["hello", "events", "lost", "ping", "done", "auth", "bye", "wave", "welcome", "ack"])
events = st.fixed_dictionaries(
    {"type": st.sampled_from(["paste", "alive", "No Type", "ended"]), "at": st.just(1) | odd, "mono": st.just(1)},
    optional={
        "data": st.dictionaries(st.text(max_size=3), odd, max_size=3) | odd,
        "severity": st.text(max_size=3) | odd,
    },
)
fields: dict[str, st.SearchStrategy[Any]] = {
    "first_seq": st.integers(0, 12) | odd,
    "events": st.lists(events | odd, max_size=4) | odd,
    "to_seq": st.integers(0, 12) | odd,
    "reason": st.text(max_size=5) | odd,
    "at": st.just(1) | odd,
    "id": st.integers(0, 3) | odd,
    "ok": st.booleans() | odd,
    "code": st.text(max_size=5) | odd,
    "token": st.text(max_size=5) | odd,
}
hellos = st.just(json.loads(msgspec.json.encode(HELLO)))
frames = (
    st.fixed_dictionaries({"t": kinds}, optional=fields)
    | hellos
    | st.builds(
        dict.__or__,
        hellos,
        st.dictionaries(
            st.sampled_from(["acked", "next_seq", "mono", "at", "can", "client", "boot", "stream", "ticket", "token"]),
            odd,
        ),
    )
)


def as_text(frame: dict[str, Any]) -> str:
    return json.dumps(frame, separators=(",", ":"))


def packed(frame: dict[str, Any]) -> bytes:
    try:
        return msgspec.msgpack.encode(frame)
    except OverflowError:
        return b"\xdf" + msgspec.msgpack.encode(str(frame))


@st.composite
def damaged(draw: st.DrawFn, encoding: Encoding) -> str | bytes:
    """A frame, unchanged or with a few bytes removed, repeated or replaced; or no frame."""
    frame = draw(frames)
    raw: Any = as_text(frame) if encoding is Encoding.JSON else packed(frame)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 4)))
        junk = st.text('{}[]",:\\ud8f0\0e', max_size=4) if encoding is Encoding.JSON else st.binary(max_size=4)
        raw = raw[:start] + draw(junk) + raw[end:]
    anything: st.SearchStrategy[Any] = st.text(max_size=30) if encoding is Encoding.JSON else st.binary(max_size=30)
    return draw(st.one_of(st.just(raw), st.just(raw), st.just(raw), anything, st.binary(max_size=5)))


def check(effects: list[Effect], encoding: Encoding) -> None:
    for effect in effects:
        match effect:
            case Send(frame):
                assert decode_to_candidate(encode(frame, encoding), encoding) == frame
                if isinstance(frame, monitor.Error):
                    assert frame.code in set(ErrorCode)
            case Close(code):
                assert code in {CloseCode.MALFORMED, CloseCode.TOO_LARGE, CloseCode.GAP, CloseCode.NORMAL}
            case Store(batch):
                for entry in batch.entries:
                    assert entry.reject is None or entry.reject in set(RejectCode)
                    assert (entry.reject is None) == (entry.raw == b"")
                    json.loads(entry.payload)
                    assert 0 < entry.seq <= limits.SEQ_MAX


@settings(max_examples=150)
@given(data=st.data(), encoding=st.sampled_from(Encoding), is_open=st.booleans())
def test_any_bytes_get_a_reply_and_raise_no_exception(data: st.DataObject, encoding: Encoding, is_open: bool) -> None:
    session = CandidateSession(0)
    if is_open:
        session.receive(HELLO, 0)
        session.opened(welcome(3), [])
    for _ in range(data.draw(st.integers(1, 8))):
        raw = data.draw(damaged(encoding))
        was_closed = session.phase is Phase.CLOSED
        try:
            frame = decode_candidate(raw, encoding)
        except ProtocolError as error:
            effects = session.receive_invalid(error, 0)
            assert effects or was_closed
        else:
            effects = session.receive(frame, 0)
        check(effects, encoding)
        assert not was_closed or effects == []
        if any(isinstance(effect, Open) for effect in effects):
            check(session.opened(welcome(3), []), encoding)
        if any(isinstance(effect, Store) for effect in effects) and data.draw(st.booleans()):
            check(session.stored([]), encoding)
