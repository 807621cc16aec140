import pytest

from judgement.page_focus import track_absence
from judgement.rule import EventRef
from tests.judgement.stories import LAPTOP, START_MS, TABLET, at, make_events

AWAY = EventRef(LAPTOP, 1, START_MS)


@pytest.mark.parametrize("event_type", ["window_blur", "tab_hidden"])
def test_an_absence_begins_with_the_first_sign_of_leaving(event_type: str) -> None:
    (event,) = make_events(at(0, event_type))
    assert track_absence(None, event) == AWAY


@pytest.mark.parametrize("event_type", ["window_blur", "tab_hidden"])
def test_a_second_sign_of_leaving_changes_nothing(event_type: str) -> None:
    (event,) = make_events(at(3, event_type))
    assert track_absence(AWAY, event) is AWAY


@pytest.mark.parametrize("event_type", ["window_focus", "tab_visible"])
def test_an_absence_ends_with_the_first_sign_of_return(event_type: str) -> None:
    (event,) = make_events(at(3, event_type))
    assert track_absence(AWAY, event) is None


def test_another_device_ends_no_absence() -> None:
    (event,) = make_events(at(3, "window_focus", device=TABLET))
    assert track_absence(AWAY, event) is AWAY


def test_leaving_on_another_device_replaces_an_absence() -> None:
    (event,) = make_events(at(3, "window_blur", device=TABLET))
    assert track_absence(AWAY, event) == EventRef(TABLET, 1, START_MS + 3_000)


def test_other_events_neither_begin_nor_end_an_absence() -> None:
    (event,) = make_events(at(3, "typing"))
    assert track_absence(None, event) is None
    assert track_absence(AWAY, event) is AWAY
