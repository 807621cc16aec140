"""The environment of a benchmark: servers with a schema, a teacher, and a hub with default settings."""

import os
from collections.abc import Iterator

import pytest

from bench.environment import Environment, fetch, open_environment, read_settings, run_hub, run_python, start_exam
from bench.errors import BenchError


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    folder = tmp_path_factory.mktemp("bench")
    folder.chmod(0o755)
    with open_environment(folder) as environment:
        yield environment


async def test_postgresql_runs_with_full_durability(environment: Environment) -> None:
    settings = await read_settings(environment)
    assert (settings["fsync"], settings["synchronous_commit"], settings["full_page_writes"]) == ("on", "on", "on")
    assert environment.postgres_pid > 0
    assert environment.redis_pid > 0


async def test_an_exam_starts_with_a_ticket_for_every_attempt(environment: Environment) -> None:
    with run_hub(environment) as hub:
        exam = await start_exam(environment, hub, 3)
    assert len({attempt.attempt_id for attempt in exam.attempts}) == 3
    [row] = await fetch(environment, "SELECT count(*) FROM exam_attempts WHERE exam_id = $1", exam.exam_id)
    assert row[0] == 3


def test_a_process_that_ends_early_is_an_error(environment: Environment) -> None:
    with pytest.raises(BenchError, match="peer ended early"), run_python(environment, "peer", ("this",), {}) as pid:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # the environment still collects it
