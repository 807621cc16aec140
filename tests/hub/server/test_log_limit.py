from hub.server.log_limit import KINDS_MAX, LogLimit


def test_the_first_occasion_is_logged_and_then_one_a_minute_with_their_number() -> None:
    limit = LogLimit(60)
    assert [limit.note("a", at) for at in (0, 1, 59, 60, 61, 200)] == [1, None, None, 3, None, 2]


def test_kinds_are_independent() -> None:
    limit = LogLimit(60)
    assert [limit.note(kind, 0) for kind in ("a", "b", "a")] == [1, 1, None]


def test_only_so_many_kinds_are_remembered() -> None:
    limit = LogLimit(60)
    for kind in range(KINDS_MAX + 5):
        limit.note(kind, 0)
    assert limit.note(KINDS_MAX + 4, 1) is None
    assert limit.note(0, 1) == 1
