from uuid import UUID, uuid4

import msgspec
import pytest

from db.fold_order import StreamClaim
from db.queries.evaluation.checkpoints import Checkpoint
from db.queries.evaluation.cursors import Cursor
from judgement.errors import StateError, UnsupportedRulebook
from protocol.events import StoredEvent
from tests.judgement.rulebooks import BOTH
from tests.judgement.stories import LAPTOP, alive, at, make_events
from workers.state_cache import CHECKPOINT_EVENTS, CHECKPOINT_MS, Fold, Folder

ATTEMPT, POLICY = uuid4(), uuid4()
AWAY = make_events(at(0, "window_blur"), alive(5, 40))
"""The laptop leaves and says nothing else for 40 s; the sixth event, past 20 s, completes the episode."""


def cursor_at(position: int, *, policy_id: UUID = POLICY, rulebook: int = 1, checkpoint: int | None = None) -> Cursor:
    return Cursor(
        attempt_id=ATTEMPT,
        exam_id=uuid4(),
        has_ended=False,
        rulebook_version=rulebook,
        policy_id=policy_id,
        policy_version=1,
        policy={},
        streams=(StreamClaim(LAPTOP, "client", 0, position),),
        last_run=None,
        facts=position,
        checkpoint_facts=position if checkpoint is None else checkpoint,
        checkpoint_age_ms=0,
    )


def fold(folder: Folder, cursor: Cursor, events: list[StoredEvent]) -> Fold:
    """Fold as a worker does when everything is committed; the state must be remembered."""
    fold = folder.fold(cursor, events, folder.take(cursor))
    folder.keep(fold)
    return fold


def test_a_state_in_memory_is_used_without_a_checkpoint() -> None:
    folder = Folder()
    flags = []
    for n, event in enumerate(AWAY):
        folded = fold(folder, cursor_at(n, checkpoint=0), [event])
        assert folded.advance.checkpoint is None
        flags += folded.flags
    assert [flag.rule for flag in flags] == ["left_page"]


def test_a_state_at_another_position_is_not_used() -> None:
    folder = Folder()
    fold(folder, cursor_at(0), AWAY[:3])
    assert folder.take(cursor_at(2)) is None
    assert folder.take(cursor_at(3)) is None, "and a state that was not taken is forgotten"


def test_a_state_is_forgotten_until_its_fold_is_kept() -> None:
    folder = Folder()
    fold(folder, cursor_at(0), AWAY[:3])
    state = folder.take(cursor_at(3))
    folder.fold(cursor_at(3), AWAY[3:], state)
    assert folder.take(cursor_at(3)) is None


def test_events_after_a_checkpoint_are_folded_again_and_raise_nothing_twice() -> None:
    first = fold(Folder(), cursor_at(0), AWAY[:2])
    state = msgspec.structs.replace(cursor_at(0), has_ended=True)
    saved = Folder().fold(state, AWAY[:1], None).advance.checkpoint
    assert saved is not None
    resumed = Folder().fold(cursor_at(2, checkpoint=1), AWAY[2:], Checkpoint(saved, AWAY[1:2]))
    assert [flag.rule for flag in resumed.flags] == ["left_page"]
    again = Folder().fold(cursor_at(7, checkpoint=1), AWAY[7:], Checkpoint(saved, AWAY[1:7]))
    assert again.flags == [], "it was raised by the fold of the sixth event"
    assert again.state.rules == Folder().fold(cursor_at(0), AWAY, None).state.rules
    assert first.flags == []


def test_a_fold_after_another_worker_stores_a_checkpoint() -> None:
    resumed = Folder().fold(cursor_at(2, checkpoint=0), AWAY[2:], Checkpoint(b"", AWAY[:2]))
    assert [flag.rule for flag in resumed.flags] == ["left_page"]
    assert resumed.advance.checkpoint is not None


@pytest.mark.parametrize("events", [AWAY[:1], [], AWAY[:3]])
def test_a_checkpoint_with_missing_events_is_refused(events: list[StoredEvent]) -> None:
    with pytest.raises(StateError):
        Folder().fold(cursor_at(2, checkpoint=0), AWAY[2:], Checkpoint(b"", events))


def test_a_state_is_stored_after_a_number_of_events() -> None:
    folder, quiet = Folder(), make_events(alive(0, 5 * 3 * CHECKPOINT_EVENTS))
    stored, checkpoint = [], 0
    for n in range(3 * CHECKPOINT_EVENTS):
        if fold(folder, cursor_at(n, checkpoint=checkpoint), quiet[n : n + 1]).advance.checkpoint is not None:
            stored.append(n + 1)
            checkpoint = n + 1
    assert stored == [CHECKPOINT_EVENTS, 2 * CHECKPOINT_EVENTS, 3 * CHECKPOINT_EVENTS]


def test_a_large_fold_stores_its_state_at_once() -> None:
    quiet = make_events(alive(0, 5 * CHECKPOINT_EVENTS))[:CHECKPOINT_EVENTS]
    assert Folder().fold(cursor_at(0), quiet, None).advance.checkpoint is not None
    assert Folder().fold(cursor_at(0), quiet[1:], None).advance.checkpoint is None


def test_an_old_state_and_that_of_an_ended_attempt_are_replaced() -> None:
    fresh = cursor_at(0)
    for change, is_stored in (
        ({"checkpoint_age_ms": CHECKPOINT_MS - 1}, False),
        ({"checkpoint_age_ms": CHECKPOINT_MS}, True),
        ({"has_ended": True}, True),
    ):
        folded = Folder().fold(msgspec.structs.replace(fresh, **change), AWAY[:1], None)
        assert (folded.advance.checkpoint is not None) is is_stored


def test_each_attempt_is_folded_with_its_own_rulebook() -> None:
    folder, story = Folder(BOTH), [*AWAY, *make_events(at(50, "copy"))]
    old = folder.fold(cursor_at(0), story, None)
    new = folder.fold(cursor_at(0, rulebook=9), story, None)
    assert [(flag.rule, flag.rule_version) for flag in old.flags] == [("left_page", 1)]
    assert [(flag.rule, flag.rule_version) for flag in new.flags] == [("copied", 1)]
    with pytest.raises(UnsupportedRulebook):
        Folder().fold(cursor_at(0, rulebook=9), story, None)
