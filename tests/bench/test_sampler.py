import pytest

from bench.sampler import by_component, component_of


@pytest.mark.parametrize(
    ("path", "component"),
    [
        ("protocol/codec.py", "codec"),
        ("hub/monitor/session.py", "session"),
        ("hub/monitor/socket.py", "socket"),
        ("hub/ingest/writer.py", "writer"),
        ("db/copy_encoding.py", "rows"),
        ("/anywhere/site-packages/asyncpg/connection.py", "asyncpg"),
        ("/anywhere/asyncio/events.py", "event loop"),
        ("/anywhere/enum.py", None),
    ],
)
def test_a_file_belongs_to_its_component_or_works_for_its_caller(path: str, component: str | None) -> None:
    assert component_of(path) == component


def test_samples_add_up_to_one_by_component() -> None:
    assert by_component({"codec|a:f": 2, "codec|b:g": 1, "session|c:h": 1}) == {"codec": 0.75, "session": 0.25}
