from uuid import UUID

import msgspec
import pytest

from protocol import limits
from protocol.attempts import AttemptStatus
from protocol.monitor import Attempt, Delivery

STREAM = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("status", "is_over"),
    [
        (AttemptStatus.IN_PROGRESS, False),
        (AttemptStatus.PAUSED, False),
        (AttemptStatus.SUBMITTED, True),
        (AttemptStatus.TIMED_OUT, True),
        (AttemptStatus.ENDED, True),
    ],
)
def test_an_attempt_is_over_in_every_final_status(status: AttemptStatus, is_over: bool) -> None:
    assert Attempt(status).is_over is is_over


def test_a_delivery_needs_only_its_stream() -> None:
    delivery = msgspec.json.decode(f'{{"stream":"{STREAM}"}}', type=Delivery)
    assert delivery == Delivery(stream=UUID(STREAM))
    assert (delivery.first_seq, delivery.events, delivery.done, delivery.lost) == (0, [], [], None)


def test_a_delivery_has_a_bounded_number_of_results() -> None:
    done = [{"id": n, "ok": True} for n in range(limits.ACTIONS + 1)]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({"stream": STREAM, "done": done}), type=Delivery)
