from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from hub.server.unfinished import UnfinishedBytes

steps = st.lists(st.tuples(st.sampled_from(["hold", "finish", "release"]), st.integers(0, 5), st.integers(1, 60)))


def nothing() -> None:
    raise AssertionError


class Evicted(list[object]):
    """The holders that gave way, in order."""

    def by(self, name: object) -> Callable[[], None]:
        return lambda: self.append(name)


def test_the_oldest_gives_way_and_growing_does_not_make_a_holder_younger() -> None:
    unfinished, evicted = UnfinishedBytes(100), Evicted()
    for name, size in (("a", 40), ("b", 40), ("a", 50), ("c", 30)):
        unfinished.hold(name, size, evicted.by(name))
    assert evicted == ["a"]
    assert unfinished.total == 70


def test_a_holder_that_is_too_large_alone_gives_way_itself() -> None:
    unfinished, evicted = UnfinishedBytes(100), Evicted()
    unfinished.hold("a", 101, evicted.by("a"))
    assert (evicted, unfinished.total) == (["a"], 0)


def test_a_finished_holder_keeps_its_bytes_and_cannot_be_evicted() -> None:
    unfinished, evicted = UnfinishedBytes(100), Evicted()
    unfinished.hold("a", 80, nothing)
    unfinished.finish("a")
    unfinished.hold("b", 30, evicted.by("b"))
    assert (evicted, unfinished.total) == (["b"], 80)
    unfinished.release("a")
    assert unfinished.total == 0


@given(steps)
def test_the_total_is_the_sum_of_what_is_held_and_above_the_limit_only_by_finished_ones(
    steps: list[tuple[str, int, int]],
) -> None:
    unfinished = UnfinishedBytes(100)
    held: dict[int, int] = {}
    done: dict[int, int] = {}
    for what, holder, size in steps:
        if what == "hold":
            done.pop(holder, None)
            held[holder] = size
            unfinished.hold(holder, size, partial(held.__delitem__, holder))
        elif what == "finish" and holder in held:
            done[holder] = held.pop(holder)
            unfinished.finish(holder)
        elif what == "release":
            held.pop(holder, None)
            done.pop(holder, None)
            unfinished.release(holder)
        assert unfinished.total == sum(held.values()) + sum(done.values())
        assert unfinished.total <= 100 or not held
