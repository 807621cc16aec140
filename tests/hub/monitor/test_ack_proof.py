from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hub.monitor.ack_proof import AckProof
from protocol.limits import MAC_CHARS, SEQ_MAX

ATTEMPT, OTHER = UUID(int=1), UUID(int=2)
STREAM = UUID(int=3)
SECRET = "s" * 32


@given(seq=st.integers(0, SEQ_MAX))
def test_a_proof_is_valid_for_its_number_at_any_hub_with_the_secret(seq: int) -> None:
    mac = AckProof(ATTEMPT, SECRET).make(STREAM, seq)
    assert AckProof(ATTEMPT, SECRET).is_valid(STREAM, seq, mac)
    assert len(mac) <= MAC_CHARS


def test_a_proof_is_valid_for_nothing_else() -> None:
    mac = AckProof(ATTEMPT, SECRET).make(STREAM, 7)
    assert not AckProof(ATTEMPT, SECRET).is_valid(STREAM, 8, mac)
    assert not AckProof(ATTEMPT, SECRET).is_valid(OTHER, 7, mac)
    assert not AckProof(OTHER, SECRET).is_valid(STREAM, 7, mac)
    assert not AckProof(ATTEMPT, "t" * 32).is_valid(STREAM, 7, mac)


@given(mac=st.text(max_size=40))
def test_any_other_text_is_no_proof(mac: str) -> None:
    proof = AckProof(ATTEMPT, SECRET)
    assert proof.is_valid(STREAM, 7, mac) is (mac == proof.make(STREAM, 7))
